"""Bounds and budget: noise that is counted, patients that are charged, masks that hide."""
