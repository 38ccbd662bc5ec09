"""One model in groups of patients, and differences between groups that are not chance."""
