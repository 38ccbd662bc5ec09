"""What is computed over predictions and parameters, one idea or paper a file; pure."""
