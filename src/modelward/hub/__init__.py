"""The coordinator; read run.py first."""
