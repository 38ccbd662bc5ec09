"""Institutions exchange models, not data, and nobody aggregates."""
