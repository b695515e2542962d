"""What a call to a provider ended in, sorted by what to do next."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from octavo.domain.notification import Status


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has it. `reference` is its own id for the send, empty if it gives none.

    With `final_without_receipt` the status is `sent` at once: no receipt will ever come.
    """

    reference: str = ""
    final_without_receipt: bool = False

    @property
    def status(self) -> Status:
        """Where the notification stands now."""
        return Status.SENT if self.final_without_receipt else Status.SENDING


@dataclass(frozen=True, slots=True)
class Temporary:
    """Certainly not sent, and worth another try: after `retry_after` at the earliest, if the provider said so."""

    reason: str
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Permanent:
    """Certainly not sent, and it never will be: the recipient's fault, or a technical one (the request itself)."""

    reason: str
    status: Literal[Status.PERMANENT_FAILURE, Status.TECHNICAL_FAILURE] = Status.PERMANENT_FAILURE


@dataclass(frozen=True, slots=True)
class Uncertain:
    """The request went out and no answer came back: the provider may have it, so nobody sends it again by itself."""

    reason: str


Refused = Temporary | Permanent
"""Certainly not sent."""

Outcome = Accepted | Temporary | Permanent | Uncertain
"""Everything that a call can end in. Reasons are codes or few words of ours or the provider's, never personal data."""
