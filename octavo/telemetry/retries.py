"""How retries are told to operators: `RETRY` when one is planned, `RETRY FAILED` when no attempt is left (design, section 4).

The event itself begins with these words, the notification id and the step stand beside it, and each has a counter.
"""

from datetime import timedelta
from uuid import UUID

import structlog

from octavo.domain.notification import NotificationType
from octavo.telemetry import metrics, statsd

log = structlog.get_logger()


def persist_step(notification_type: NotificationType) -> str:
    """The step of persisting: persist_sms, persist_email."""
    return f"persist_{notification_type}"


def send_step(notification_type: NotificationType) -> str:
    """The step of sending: send_sms_to_provider, send_email_to_provider."""
    return f"send_{notification_type}_to_provider"


def retry_planned(step: str, notification_id: UUID, *, attempt: int, wait: timedelta | None, reason: str) -> None:
    """Says that the step is tried again, after the attempt with this number (1 is the first)."""
    metrics.RETRIES.labels(step).inc()
    statsd.count("retry", step)
    event = f"RETRY {step} {notification_id}"
    log.warning(
        event,
        notification_id=str(notification_id),
        step=step,
        attempt=attempt,
        seconds=round(wait.total_seconds(), 3) if wait else None,
        reason=reason,
    )


def retries_failed(step: str, notification_id: UUID, *, attempts: int, reason: str) -> None:
    """Says that the step is given up."""
    metrics.RETRIES_FAILED.labels(step).inc()
    statsd.count("retry_failed", step)
    event = f"RETRY FAILED {step} {notification_id}"
    log.error(
        event,
        notification_id=str(notification_id),
        step=step,
        attempts=attempts,
        reason=reason,
    )
