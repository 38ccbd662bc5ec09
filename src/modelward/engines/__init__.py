"""Wires between hub and sites."""
