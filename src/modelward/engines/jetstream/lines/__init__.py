"""One authenticated connection, the way it takes, and what travels over it piece by piece."""
