"""Many notifications of one service in the database, made there."""

from uuid import UUID

from benchmarks.stacks import execute

_FILL = """
INSERT INTO notifications (id, service_id, notification_type, status, key_type, template_id, template_version, sealed,
                           recipient_hash, content_hash, reference, created_at)
SELECT uuidv7(make_interval(secs => -0.01 * n)), %s, 'sms', 'delivered', 'live', %s, 1, %s,
       substr(sha256(n::text::bytea), 1, 16), substr(sha256(n::text::bytea), 1, 16), 'bench-' || n %% 1000, now()
FROM generate_series(1, %s) AS n
"""
STEP = 250_000


def fill(url: str, service_id: str, template_id: str, count: int, sealed: bytes | None) -> None:
    """Makes notifications of today and the hours before."""
    for start in range(0, count, STEP):
        execute(url, _FILL, (service_id, template_id, sealed, min(STEP, count - start)))
    execute(url, "ANALYZE notifications")


def of(known: dict[str, str]) -> tuple[str, str]:
    """The service and a template of a stack, checked to be ids."""
    return str(UUID(known["OCTAVO_SERVICE_ID"])), str(UUID(known["OCTAVO_SMS_TEMPLATE_ID"]))
