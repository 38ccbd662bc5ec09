"""Local training: what a site does with its own examples between two tasks."""
