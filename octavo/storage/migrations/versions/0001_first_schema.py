"""The first schema."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None

TABLES = (
    "closed_days",
    "daily_statistics",
    "held_receipts",
    "notification_moves",
    "notification_history",
    "notifications",
    "rate_buckets",
    "allowance_leases",
    "daily_allowances",
    "job_problems",
    "jobs",
    "template_versions",
    "templates",
    "api_keys",
    "guests",
    "services",
)


def upgrade() -> None:
    """Creates every table."""
    op.get_bind().exec_driver_sql((Path(__file__).parents[1] / "schema_0001.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drops them."""
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
