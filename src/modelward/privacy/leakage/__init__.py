"""Leakage tests: what an artifact tells about the records behind it, measured."""
