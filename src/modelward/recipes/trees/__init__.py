"""Gradient-boosted trees from histograms that are summed over sites."""
