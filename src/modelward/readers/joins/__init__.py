"""Several sources of the same patients, read as one."""
