"""The registry's schema, one step per release that changed it (Alembic)."""
