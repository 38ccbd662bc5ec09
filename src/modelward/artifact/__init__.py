"""A model or a message on disk: canonical safetensors and a signed card."""
