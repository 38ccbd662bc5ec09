"""Figures made of what sites told: counts in bins, rounded or noised; no rows of patients."""
