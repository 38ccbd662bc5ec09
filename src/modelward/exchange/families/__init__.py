"""Model families of the exchange: what an artifact may be, installed and never sent."""
