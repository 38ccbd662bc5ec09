"""Proposals, what sites decided about them, and whether a study may go on."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables that consent.py describes."""
    op.create_table(
        "proposals",
        sa.Column("study", sa.Text, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("roster", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
    )
    op.create_table(
        "decisions",
        sa.Column("study", sa.Text, primary_key=True),
        sa.Column("site", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("word", sa.Text, nullable=False),
        sa.Column("roster", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("time", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("message", sa.LargeBinary, nullable=False),
    )
