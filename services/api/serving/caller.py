"""Who is calling: known once a call is authenticated, and there for everything below it."""

from contextvars import ContextVar
from enum import StrEnum
from typing import NamedTuple

from octavo.domain.errors import Forbidden, Reason
from octavo.storage.directory import ApiKey, Service


class CallerKind(StrEnum):
    """As metrics and logs tell callers apart."""

    API = "API"
    ADMIN = "ADMIN"
    NOBODY = "NOBODY"
    """Not authenticated."""


class Caller(NamedTuple):
    """An authenticated caller: a service with one of its keys, or the platform team, which has neither."""

    kind: CallerKind
    service: Service | None = None
    key: ApiKey | None = None
    traceparent: str = ""
    """The caller's own trace in W3C's form, as it came; empty if none or several came, and while traces are off."""

    def as_service(self) -> tuple[Service, ApiKey]:
        """The service and key. Raises Forbidden for the platform team."""
        if self.service is None or self.key is None:
            raise Forbidden(Reason.FORBIDDEN, "this call needs an API key of a service")
        return self.service, self.key

    def as_admin(self) -> None:
        """Raises Forbidden for anybody but the platform team."""
        if self.kind is not CallerKind.ADMIN:
            raise Forbidden(Reason.FORBIDDEN, "this call needs the admin key")


ADMIN = Caller(CallerKind.ADMIN)

_current: ContextVar[Caller] = ContextVar("caller")


def current() -> Caller:
    """The caller of the call that is being handled. Raises LookupError outside of one."""
    return _current.get()


def enter(caller: Caller) -> None:
    """Says who calls, for the task of this call."""
    _current.set(caller)
