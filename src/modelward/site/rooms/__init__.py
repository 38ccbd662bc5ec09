"""Who computes at a site: processes that are kept apart, and the lines between them."""
