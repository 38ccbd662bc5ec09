"""The sections of a report and their tables, one question of a reader a file."""
