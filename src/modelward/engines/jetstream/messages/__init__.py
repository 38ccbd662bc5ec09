"""What a message carries, and what is remembered of each on disk."""
