"""Times and spans as people type and read them."""

import re
from datetime import UTC, date, datetime, timedelta
from math import ceil

import typer

_SPAN = re.compile(r"(\d+)\s*(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_MINUTE = 60
_EXACT = 2 * _MINUTE
"""Seconds count below this."""


def moment(text: str) -> datetime:
    """A time: ISO 8601, of UTC if it names no zone. Raises typer.BadParameter."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("a time is like 2026-03-01T09:30, 2026-03-01T09:30+01:00, or a day") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def day(text: str) -> date:
    """A day. Raises typer.BadParameter."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("a day is like 2026-03-01") from None


def span(text: str) -> timedelta:
    """A span such as 30s, 5m, 2h or 3d. Raises typer.BadParameter."""
    found = _SPAN.fullmatch(text.strip())
    if not found:
        raise typer.BadParameter("a span is like 30s, 5m, 2h or 3d")
    try:
        return timedelta(**{_UNITS[found[2]]: int(found[1])})
    except OverflowError:
        raise typer.BadParameter("that is longer than time goes") from None


def wait(length: timedelta) -> str:
    """How long to wait, as people say it; rounded up, as what is tried too early is refused again."""
    seconds = ceil(length.total_seconds())
    if seconds < _EXACT:
        return f"{seconds} s"
    hours, minutes = divmod(ceil(seconds / _MINUTE), 60)
    return " ".join(f"{number} {unit}" for number, unit in ((hours, "h"), (minutes, "min")) if number)
