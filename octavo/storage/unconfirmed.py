"""Unconfirmed sends, listed through an index that holds nothing else."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from octavo.telemetry.measured import measured

_LIST = text("""
SELECT n.id, n.service_id, n.notification_type, n.provider, n.status_reason, n.unconfirmed_at, s.unconfirmed_policy
FROM notifications n JOIN services s ON s.id = n.service_id
WHERE n.unconfirmed_at IS NOT NULL
  AND (CAST(:service_id AS uuid) IS NULL OR n.service_id = :service_id)
  AND (CAST(:before AS uuid) IS NULL OR n.id < :before)
ORDER BY n.id DESC LIMIT :at_most
""")


@measured
def list_unconfirmed(
    connection: Connection, service_id: UUID | None, before: UUID | None, at_most: int
) -> Sequence[Row[Any]]:
    """Those of a service, or of all, with ids below `before`, newest first."""
    return connection.execute(_LIST, {"service_id": service_id, "before": before, "at_most": at_most}).all()
