"""How a provider behaves: as a policy that is told over HTTP, and as the luck of each call drawn from it."""

from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_Share = Annotated[float, Field(ge=0, le=1)]
_Milliseconds = Annotated[float, Field(ge=0, le=3_600_000)]


class Behaviour(BaseModel):
    """One provider's behaviour: shares of calls from 0 to 1, times in milliseconds, `retry_after` in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency_ms: _Milliseconds = 0.0
    latency_jitter_ms: _Milliseconds = 0.0
    slow_share: _Share = 0.0
    slow_ms: _Milliseconds = 30_000.0
    fail_share: _Share = 0.0
    fail_status: Annotated[int, Field(ge=200, le=599)] = 500
    retry_after: Annotated[int, Field(ge=0)] | None = None
    reset_share: _Share = 0.0
    accept_then_hang_share: _Share = 0.0
    accept_then_reset_share: _Share = 0.0
    receipts: bool = True
    # Real receipts come seconds after the answer; a fifth of a second keeps the order and a demonstration short.
    receipt_delay_ms: _Milliseconds = 200.0
    receipt_before_answer: bool = False
    # How often each receipt is sent in all.
    receipt_repeat: Annotated[int, Field(ge=1, le=100)] = 1
    receipt_reorder: bool = False
    pending_first: bool = False
    deduplicate: bool = False

    @model_validator(mode="after")
    def _shares_fit_into_one(self) -> Self:
        shares = self.fail_share + self.reset_share + self.accept_then_hang_share + self.accept_then_reset_share
        if shares > 1:
            raise ValueError("the shares of failed, reset and hanging calls add up to more than 1")
        return self


class Fate(Enum):
    """What a call comes to."""

    ANSWERED = "answered"
    FAILED = "failed"
    RESET = "reset"
    ACCEPTED_THEN_HANG = "accepted, then never answered"
    ACCEPTED_THEN_RESET = "accepted, then reset"


@dataclass(frozen=True, slots=True)
class Draw:
    """The luck of one call; `latency` is in seconds."""

    fate: Fate
    latency: float


def draw(behaviour: Behaviour, random: Random) -> Draw:
    """The luck of one call: always three numbers, so that equal seeds give equal luck whatever the shares are."""
    fate, slow, jitter = random.random(), random.random(), random.random()
    if slow < behaviour.slow_share:
        latency = behaviour.slow_ms
    else:
        latency = max(0.0, behaviour.latency_ms + behaviour.latency_jitter_ms * (2 * jitter - 1))
    return Draw(_fate(behaviour, fate), latency / 1000)


def _fate(behaviour: Behaviour, number: float) -> Fate:
    for share, fate in (
        (behaviour.fail_share, Fate.FAILED),
        (behaviour.reset_share, Fate.RESET),
        (behaviour.accept_then_hang_share, Fate.ACCEPTED_THEN_HANG),
        (behaviour.accept_then_reset_share, Fate.ACCEPTED_THEN_RESET),
    ):
        if number < share:
            return fate
        number -= share
    return Fate.ANSWERED
