"""Clinical formats in; only a site imports these."""
