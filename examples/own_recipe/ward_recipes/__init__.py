"""Recipes of our own."""
