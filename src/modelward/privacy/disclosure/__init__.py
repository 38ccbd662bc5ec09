"""Tables that may be shown: small cells, and what two tables say when they are subtracted."""
