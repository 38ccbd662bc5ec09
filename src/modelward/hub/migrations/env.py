"""Run by Alembic: apply the steps in versions/ over the connection that registry.py gives."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
