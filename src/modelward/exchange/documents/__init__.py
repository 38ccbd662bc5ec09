"""What institutions write to one another: cards, letters, questions, sealed bundles; values."""
