"""Two models or more on the same units: which is better, by how much, and what to use."""
