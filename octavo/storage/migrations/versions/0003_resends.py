"""How often an unconfirmed send was made due again."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Adds the column, without writing a row. Whoever locks a table waits for statements under way, and all others behind it."""
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.execute("ALTER TABLE notifications ADD COLUMN resends smallint NOT NULL DEFAULT 0")


def downgrade() -> None:
    """Drops it."""
    op.execute("ALTER TABLE notifications DROP COLUMN resends")
