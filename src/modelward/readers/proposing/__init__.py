"""A first dataset.toml, and the entry of a catalogue, from what a store shows of itself."""
