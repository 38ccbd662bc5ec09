"""The privacy budget over all studies of a site, kept in its ledger."""
