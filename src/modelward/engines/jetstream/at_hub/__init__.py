"""The hub's end of the wire."""
