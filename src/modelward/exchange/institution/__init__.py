"""An institution in the network: its folder, its own model, its door, whom it lets in."""
