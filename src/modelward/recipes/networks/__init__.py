"""Networks, one a file; what trains a network NAME stands beside it as NAME_torch."""
