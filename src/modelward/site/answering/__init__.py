"""What a site computes for a task, and what it looks at before it answers."""
