"""A process that sees a snapshot and an outbox and nothing else: calls, filter, files."""
