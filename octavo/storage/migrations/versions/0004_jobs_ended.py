"""An index to find jobs by their end: those that were cancelled lately, and those that are to be forgotten."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Adds the index. The table has a row for each file: it is written in moments, and jobs wait for that."""
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.execute("CREATE INDEX jobs_ended ON jobs (finished_at) WHERE finished_at IS NOT NULL")


def downgrade() -> None:
    """Drops it."""
    op.execute("DROP INDEX jobs_ended")
