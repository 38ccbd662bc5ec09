"""People of a site: keys, decisions, policy, and what they know before they decide."""
