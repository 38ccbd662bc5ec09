"""What each site's updates added, and what a coalition would have done."""
