"""Times as messages carry them: in microseconds since 1970."""

from datetime import UTC, datetime, timedelta

_1970 = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def instant(micros: int) -> datetime:
    """A time from microseconds since 1970."""
    return datetime.fromtimestamp(micros / 1_000_000, UTC)


def micros(at: datetime) -> int:
    """A time as microseconds since 1970."""
    return (at - _1970) // _MICROSECOND
