"""Run by Alembic: apply the steps in versions/ over the connection that registry.py gives."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=True,  # a crash half way leaves the database as it was
)
with context.begin_transaction():
    context.run_migrations()
