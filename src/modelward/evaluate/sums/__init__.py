"""What a study of sums found: coefficients, survival, Table 1, tests."""
