"""The data-model network measured: methods side by side on the same eight sites."""
