"""What is said when something fails, and the exit status that tells programs. docs/client.md lists them."""

import json
import sys
from datetime import timedelta
from enum import IntEnum

from rich.console import Console
from rich.text import Text

from octavo_cli.configuration import ConfigurationError
from octavo_cli.moments import wait
from octavo_cli.output import shown, side
from octavo_client import (
    Aborted,
    AlreadyExists,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    OctavoError,
    PermissionDenied,
    QuotaExceeded,
    Unauthenticated,
    Unavailable,
)


class Exit(IntEnum):
    """Exit statuses; 2 is a command line that is wrong."""

    DONE = 0
    FAULT = 1
    USAGE = 2
    REFUSED = 3
    NOT_ALLOWED = 4
    NOT_FOUND = 5
    LIMIT = 6
    TRY_AGAIN = 7
    NOT_DELIVERED = 8
    CONFIGURATION = 78
    INTERRUPTED = 130


WORTH_TELLING = timedelta(seconds=1)
"""Of a wait, at least."""
_STATUS: tuple[tuple[type[OctavoError], Exit], ...] = (
    (InvalidArgument, Exit.REFUSED),
    (FailedPrecondition, Exit.REFUSED),
    (AlreadyExists, Exit.REFUSED),
    (Unauthenticated, Exit.NOT_ALLOWED),
    (PermissionDenied, Exit.NOT_ALLOWED),
    (NotFound, Exit.NOT_FOUND),
    (QuotaExceeded, Exit.LIMIT),
    (Unavailable, Exit.TRY_AGAIN),
    (DeadlineExceeded, Exit.TRY_AGAIN),
    (Aborted, Exit.TRY_AGAIN),
)


def report(error: Exception, *, as_json: bool, hint: str = "") -> Exit:
    """Tells of a failure on standard error; the exit status for it. `hint` says how to go on where trying again can help."""
    if isinstance(error, OctavoError):
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), Exit.FAULT)
        _tell(error, as_json=as_json, hint=hint if status in {Exit.TRY_AGAIN, Exit.LIMIT} else "")
        return status
    reason = "CONFIGURATION" if isinstance(error, ConfigurationError) else "FAILED"
    _tell(OctavoError(reason, reason, str(error)), as_json=as_json, hint="")
    return Exit.CONFIGURATION if isinstance(error, ConfigurationError) else Exit.FAULT


def remark(text: str) -> None:
    """Says something beside the answer."""
    side().print(shown(text), soft_wrap=True)


def _tell(error: OctavoError, *, as_json: bool, hint: str) -> None:
    pause = error.retry_after
    if as_json:
        fields = [
            {"field": violation.field, "reason": violation.reason, "description": violation.description}
            for violation in error.field_violations
        ]
        told = {"code": error.code, "reason": error.reason, "message": error.message, "fields": fields}
        seconds = pause.total_seconds() if pause is not None else None
        sys.stderr.write(json.dumps({"error": {**told, "retry_after_seconds": seconds, "hint": hint}}) + "\n")
        return
    console = side()
    # Its message repeats what the fields say.
    headline = error.message if not error.field_violations else "this is not accepted"
    _print(console, ("error: ", "bold red"), headline, error.reason)
    for violation in error.field_violations:
        description = violation.description.removeprefix(f"{violation.field}: ")
        _print(console, (f"  {violation.field}: ", "bold"), description, violation.reason)
    if pause is not None and pause >= WORTH_TELLING:
        console.print(Text(f"  it can work again in {wait(pause)}"))
    if hint:
        console.print(shown(f"  {hint}"), soft_wrap=True)


def _print(console: Console, begins: tuple[str, str], text: str, reason: str) -> None:
    console.print(Text.assemble(begins, shown(text), (f" ({reason})", "dim")), soft_wrap=True)
