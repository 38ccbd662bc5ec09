"""What stands in a node's way, said before it does: `modelward doctor`."""
