"""Rounds that were combined and are not validated yet."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table that `Registry.combine` writes."""
    op.create_table(
        "combined",
        sa.Column("study", sa.Text, primary_key=True),
        sa.Column("round_no", sa.Integer, primary_key=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("optimiser", sa.Text),
        sa.Column("record", sa.Text, nullable=False),
    )
