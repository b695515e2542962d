"""The errors of Octavo, sorted by what to do about them.

OctavoError
├── Unavailable            try later: a dependency is away
├── Malformed              dead letter: the record can't be read, and never will be
└── Rejected               give up: the caller has to change something
    ├── Invalid            INVALID_ARGUMENT: fields break a rule, each is named
    ├── Unauthenticated    UNAUTHENTICATED: no valid key
    ├── Forbidden          PERMISSION_DENIED: a valid key, for something else
    ├── NotFound           NOT_FOUND: no such thing, or another service's
    ├── AlreadyExists      ALREADY_EXISTS: the name or request_id is taken by another content
    ├── FailedPrecondition FAILED_PRECONDITION: right call, wrong moment
    └── LimitExceeded      RESOURCE_EXHAUSTED: a quota is used up, or never suffices

No message, reason or metadata ever holds personal data: all of them reach clients and logs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from octavo.domain.reason import Reason

__all__ = [
    "AlreadyExists",
    "FailedPrecondition",
    "Forbidden",
    "Invalid",
    "LimitExceeded",
    "Malformed",
    "NotFound",
    "OctavoError",
    "Reason",
    "Rejected",
    "Unauthenticated",
    "Unavailable",
    "Violation",
]

NO_METADATA: Mapping[str, str] = MappingProxyType({})


class OctavoError(Exception):
    """Anything that Octavo raises on purpose."""


class Unavailable(OctavoError):  # noqa: N818 - the name says what the world is, as gRPC does.
    """A dependency is away: the same call may work later, after `retry_after` if that is known."""

    def __init__(
        self,
        message: str,
        *,
        reason: Reason = Reason.UNAVAILABLE,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.retry_after = retry_after


class Malformed(OctavoError):  # noqa: N818 - it describes the record.
    """A record that can't be decoded, or that breaks the schema: it goes to the dead letters."""


class Rejected(OctavoError):  # noqa: N818 - it describes the call.
    """The caller's fault: the same call will never work. `field` names the field at fault, where there is one."""

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        field: str | None = None,
        metadata: Mapping[str, str] = NO_METADATA,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.field = field
        self.metadata = metadata


@dataclass(frozen=True, slots=True)
class Violation:
    """One field that breaks one rule. `field` is a path like `personalisation[name]`; `description` is for people."""

    field: str
    reason: Reason
    description: str


class Invalid(Rejected):
    """One or more fields break a rule. Its reason and field are those of the first violation, its message has all."""

    def __init__(self, first: Violation, *more: Violation, metadata: Mapping[str, str] = NO_METADATA) -> None:
        message = "; ".join(violation.description for violation in (first, *more))
        super().__init__(first.reason, message, field=first.field, metadata=metadata)
        self.violations = (first, *more)

    @classmethod
    def of(cls, field: str, reason: Reason, description: str) -> "Invalid":
        """The usual case: one field breaks one rule."""
        return cls(Violation(field, reason, description))


class Unauthenticated(Rejected):
    """No key, or none that is in force. It never says which of these, so that nobody can probe for keys."""

    def __init__(self, message: str = "a valid API key is needed") -> None:
        super().__init__(Reason.UNAUTHENTICATED, message)


class Forbidden(Rejected):
    """A valid key that may not do this."""


class NotFound(Rejected):
    """No such thing, or one of another service: the two look the same to the caller."""

    def __init__(self, what: str, *, field: str | None = None, reason: Reason = Reason.NOT_FOUND) -> None:
        super().__init__(reason, f"there is no such {what}", field=field)


class AlreadyExists(Rejected):
    """The name or the request_id belongs to another content already."""


class FailedPrecondition(Rejected):
    """The call is right, but the state of things does not allow it."""


class LimitExceeded(Rejected):
    """A quota does not suffice. `subject` names it, `limit` is its size.

    `retry_after` says when it opens again; None if what was asked for is more than all of it.
    """

    def __init__(
        self, reason: Reason, message: str, *, subject: str, limit: int, retry_after: timedelta | None
    ) -> None:
        super().__init__(reason, message, metadata=MappingProxyType({"limit": str(limit), "subject": subject}))
        self.subject = subject
        self.limit = limit
        self.retry_after = retry_after
