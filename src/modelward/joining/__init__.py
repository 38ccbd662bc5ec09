"""How a hospital joins a federation: two files by any channel, compared by voice."""
