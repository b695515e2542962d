"""What is written about a send, by how the provider's call ended."""

from datetime import datetime, timedelta
from typing import NamedTuple

import structlog

from octavo.domain.notification import Status
from octavo.domain.outcome import Accepted, Outcome, Permanent, Temporary, Uncertain
from octavo.domain.retry import Backoff
from octavo.storage.send import Recorded
from octavo.telemetry import metrics
from octavo.telemetry.retries import retries_failed, retry_planned, send_step
from services.dispatcher.claims import Claimed

log = structlog.get_logger()


class Ended(NamedTuple):
    """A send that has ended: nothing but its recording is left. `provider` is None if none was called."""

    claimed: Claimed
    provider: str | None
    outcome: Outcome
    at: datetime


def recorded(ended: Ended, backoff: Backoff, draw: float) -> Recorded:
    """The row's change. `draw` is a random number from 0 to 1, for the spread of the back-off."""
    status, reason, retry_in = _decided(ended.outcome, ended.claimed.attempt, backoff, draw)
    return Recorded(
        id=ended.claimed.id,
        token=ended.claimed.token,
        status=status,
        reason=reason,
        provider=ended.provider,
        reference=(ended.outcome.reference or None) if isinstance(ended.outcome, Accepted) else None,
        at=ended.at,
        retry_in=retry_in,
        unconfirmed=isinstance(ended.outcome, Uncertain),
    )


def _decided(
    outcome: Outcome, attempt: int, backoff: Backoff, draw: float
) -> tuple[Status | None, str, timedelta | None]:
    match outcome:
        case Accepted():
            return outcome.status, "", None
        case Permanent():
            return outcome.status, outcome.reason, None
        case Uncertain():
            # The provider may have it: a receipt says so, or else the sweep that settles unconfirmed sends.
            return Status.SENDING, f"unconfirmed: {outcome.reason}", None
        case Temporary():
            wait = backoff.after(attempt, draw)
            if wait is None:
                return Status.TECHNICAL_FAILURE, f"all attempts used: {outcome.reason}", None
            return None, outcome.reason, max(wait, outcome.retry_after or timedelta())


def tell(ended: Ended, change: Recorded) -> None:
    """Says what operators are to know of it: a retry, its end, or a refusal that is not the recipient's fault."""
    claimed, outcome, step = ended.claimed, ended.outcome, send_step(ended.claimed.type)
    match outcome:
        case Permanent(status=Status.TECHNICAL_FAILURE) if ended.provider:
            metrics.SENDS_REFUSED.labels(ended.provider).inc()
            # It ends at once: a wrong setting, which makes many of them, must not go by unseen.
            log.error(
                "a send is refused for good",
                notification_id=str(claimed.id),
                provider=ended.provider,
                reason=outcome.reason,
            )
        case Temporary() if change.retry_in is None:
            retries_failed(step, claimed.id, attempts=claimed.attempt, reason=outcome.reason)
        case Temporary():
            retry_planned(step, claimed.id, attempt=claimed.attempt, wait=change.retry_in, reason=outcome.reason)
