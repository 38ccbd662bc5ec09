"""What happened at a site, provable to a stranger: a Merkle log with signed checkpoints."""
