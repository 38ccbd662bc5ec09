"""Pictures as SVG: a frame to draw in, and one picture a file."""
