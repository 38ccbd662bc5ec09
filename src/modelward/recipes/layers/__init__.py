"""Tensors and layers that networks are made of: shapes, starts, and how torch computes them."""
