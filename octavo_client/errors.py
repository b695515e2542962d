"""What a call raises when it fails: one class for each thing that a caller can do about it.

OctavoError              every one of them; `reason` is listed in docs/errors.md
├── InvalidArgument      a field breaks a rule; `field_violations` name them
├── Unauthenticated      no key, or none that is in force
├── PermissionDenied     a valid key, for something else
├── NotFound             no such thing among those of the service
├── AlreadyExists        the name or request_id belongs to another content
├── FailedPrecondition   the right call at the wrong moment
├── QuotaExceeded        a limit is used up; `retry_after` tells until when
├── Unavailable          Octavo can't be reached, or something that it needs is away
├── DeadlineExceeded     no answer in time: a send may have been accepted, so repeat it with its request_id
├── Aborted              lost against a simultaneous call: repeat it
└── ServerFault          a fault of Octavo, or a server that does not know the call
"""
# ruff: noqa: N818 - the names are those of gRPC's status codes, which callers know.

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

NO_METADATA: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A field that breaks a rule: its path, such as `personalisation[name]`, the rule, and a sentence for people."""

    field: str
    reason: str
    description: str


class OctavoError(Exception):
    """A call failed. No attribute holds personal data.

    `code` is the gRPC status by name, `reason` the finer reason that programs may act on (the code, if the server gave none),
    `retry_after` how long to wait before the same call can work, where that is known.
    """

    def __init__(
        self,
        code: str,
        reason: str,
        message: str,
        *,
        field_violations: tuple[FieldViolation, ...] = (),
        retry_after: timedelta | None = None,
        metadata: Mapping[str, str] = NO_METADATA,
    ) -> None:
        super().__init__(f"{reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message
        self.field_violations = field_violations
        self.retry_after = retry_after
        self.metadata = metadata


class InvalidArgument(OctavoError):
    """A field breaks a rule: the same call will never work."""


class Unauthenticated(OctavoError):
    """No key, or none that is in force."""


class PermissionDenied(OctavoError):
    """The key is valid, but not for this call; or the service is suspended."""


class NotFound(OctavoError):
    """There is no such thing among those of the service."""


class AlreadyExists(OctavoError):
    """The name or the request_id belongs to another content already."""


class FailedPrecondition(OctavoError):
    """The state of things does not allow the call now."""


class QuotaExceeded(OctavoError):
    """A limit is used up: the day's allowance, the calls of a minute, or open streams."""


class Unavailable(OctavoError):
    """Octavo can't be reached, or something that it needs is away. The call was repeated, as far as its deadline went."""


class DeadlineExceeded(OctavoError):
    """No answer in time. Whether the call took effect is not known."""


class Aborted(OctavoError):
    """A simultaneous call with the same request_id won."""


class ServerFault(OctavoError):
    """A fault of Octavo, or a server that does not know the call."""


BY_CODE: Mapping[str, type[OctavoError]] = MappingProxyType(
    {
        "INVALID_ARGUMENT": InvalidArgument,
        "OUT_OF_RANGE": InvalidArgument,
        "UNAUTHENTICATED": Unauthenticated,
        "PERMISSION_DENIED": PermissionDenied,
        "NOT_FOUND": NotFound,
        "ALREADY_EXISTS": AlreadyExists,
        "FAILED_PRECONDITION": FailedPrecondition,
        "RESOURCE_EXHAUSTED": QuotaExceeded,
        "UNAVAILABLE": Unavailable,
        # A call that comes just as a server stops is cancelled, not refused.
        "CANCELLED": Unavailable,
        "DEADLINE_EXCEEDED": DeadlineExceeded,
        "ABORTED": Aborted,
    }
)
"""The class for each gRPC status; ServerFault for those that are not listed."""
