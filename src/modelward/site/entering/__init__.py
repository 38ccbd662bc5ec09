"""What comes in from the hub, held against what was asked and seen before."""
