"""The site's end of the wire. It dials out and never listens."""
