"""A whole federation on one machine, with the comparisons only one machine can make."""
