"""How fast receipts come, by provider and minute."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Creates the table."""
    op.execute(
        """
        CREATE TABLE receipt_paces (
            provider text NOT NULL,
            minute timestamptz NOT NULL,
            receipts bigint NOT NULL,
            slow bigint NOT NULL,
            PRIMARY KEY (provider, minute)
        )
        """
    )


def downgrade() -> None:
    """Drops it."""
    op.execute("DROP TABLE receipt_paces")
