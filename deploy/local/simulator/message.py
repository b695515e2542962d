"""What the simulated providers have in common: a message taken, an answer given, a receipt to send."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol


class Outcome(Enum):
    """What becomes of a message, as its receipt will tell."""

    DELIVERED = "delivered"
    TEMPORARY_FAILURE = "temporary-failure"
    PERMANENT_FAILURE = "permanent-failure"
    COMPLAINT = "complaint"
    SILENCE = "no receipt"


# The first two are the test numbers of the field; the last is this simulator's own.
_NUMBERS = {
    "447700900003": Outcome.TEMPORARY_FAILURE,
    "447700900002": Outcome.PERMANENT_FAILURE,
    "447700900004": Outcome.SILENCE,
}
# `temp-fail` and `perm-fail` come from the field; the others are this simulator's own.
_MAILBOXES = {
    "temp-fail": Outcome.TEMPORARY_FAILURE,
    "perm-fail": Outcome.PERMANENT_FAILURE,
    "complaint": Outcome.COMPLAINT,
    "no-receipt": Outcome.SILENCE,
}


def outcome_of_number(digits: str) -> Outcome:
    """The outcome that a number stands for; it may be written in the international or the British national form."""
    return _NUMBERS.get("44" + digits[1:] if digits.startswith("0") else digits, Outcome.DELIVERED)


def outcome_of_mailbox(address: str) -> Outcome:
    """The outcome that an address stands for; a tag behind `+` is ignored, so that many addresses share one outcome."""
    local_part = address.rpartition("@")[0].lower()
    return _MAILBOXES.get(local_part.partition("+")[0], Outcome.DELIVERED)


def fingerprint(recipient: str) -> str:
    """Sixteen hexadecimal digits that tell recipients apart in the ledger without naming them."""
    return hashlib.sha256(recipient.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Message:
    """A message that a provider could read; `recipient` is never written anywhere but into its receipt."""

    reference: str
    recipient: str = field(repr=False)
    outcome: Outcome
    reply_to: tuple[str, ...] = ()
    sender: str = ""
    tags: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a caller of a provider gets."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parcel:
    """The HTTP form of a receipt."""

    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt and its path; `parcel` packs it when it is first sent, as signing costs half a millisecond."""

    path: str
    parcel: Callable[[], Parcel]


class Provider(Protocol):
    """A simulated provider: pure, it reads and writes its own forms and opens no socket."""

    name: str
    path: str

    def read(self, headers: Mapping[str, str], body: bytes) -> Message | Answer:
        """The message of a request, or the answer that refuses it."""

    def new_id(self) -> str:
        """A provider's message id, in this provider's form."""

    def accepted(self, provider_id: str) -> Answer:
        """The answer to an accepted message."""

    def failure(self, status: int, retry_after: int | None) -> Answer:
        """The answer when the provider is told to fail; `retry_after` is in seconds."""

    def receipts(self, message: Message, provider_id: str, pending_first: bool) -> list[Receipt]:
        """The receipts of a message, in their natural order; `pending_first` means something to Firetext alone."""
