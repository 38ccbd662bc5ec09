"""What a ledger says of the processing of records, and whether the wire agrees with it."""
