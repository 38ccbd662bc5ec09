"""From the own model to an artifact on offer, past the gate and into the ledger."""
