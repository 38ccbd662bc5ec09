"""What is trained: model families by name and version, installed at the sites."""
