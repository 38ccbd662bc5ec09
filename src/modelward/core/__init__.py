"""The vocabulary: frozen types and pure functions that every other folder speaks in."""
