"""The first registry: studies, their rounds, and the answers that were combined."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables that registry.py describes."""
    op.create_table(
        "studies",
        sa.Column("study", sa.Text, primary_key=True),
        sa.Column("terms", sa.LargeBinary, nullable=False),
        sa.Column("scaling", sa.Text),
        sa.Column("start", sa.Text),
        sa.Column("roster", sa.Text, nullable=False),
        sa.Column("finished", sa.Text),
    )
    op.create_table(
        "rounds",
        sa.Column("study", sa.Text, primary_key=True),
        sa.Column("round_no", sa.Integer, primary_key=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("optimiser", sa.Text),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("best", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
    )
    op.create_table(
        "answers",
        sa.Column("study", sa.Text, primary_key=True),
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("site", sa.Text, primary_key=True),
        sa.Column("round_no", sa.Integer, nullable=False),
        sa.Column("decision", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text),
        sa.Column("patients", sa.Integer),
        sa.Column("bytes", sa.Integer),
    )
