"""Secure aggregation: a hub learns the sum over sites, and no site's own part of it."""
