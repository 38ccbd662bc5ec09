"""Federated studies for hospitals."""
