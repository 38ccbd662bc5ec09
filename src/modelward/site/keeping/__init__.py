"""What a site remembers of what it sent, refused and was told; most of it in its ledger."""
