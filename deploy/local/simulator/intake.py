"""The flow of one call at a simulated provider: read, draw its luck, write the ledger, answer, plan receipts."""

import asyncio
import socket
import struct
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from random import Random
from typing import assert_never

from aiohttp import web

from deploy.local.simulator.behaviour import Behaviour, Fate, draw
from deploy.local.simulator.ledger import Ledger
from deploy.local.simulator.message import Answer, Message, Provider, fingerprint
from deploy.local.simulator.receipts import Receipts

# How often a hanging call looks whether its caller has gone.
_HANG_POLL_SECONDS = 0.2
# Lingering for no time makes the kernel answer with a reset in place of an orderly end.
_RESET = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Counts:
    """What a provider did since it started, or since its counts were reset."""

    calls: int = 0
    accepted: int = 0
    deduplicated: int = 0
    refused: int = 0
    failed: int = 0
    reset: int = 0
    hung: int = 0
    in_flight: int = 0
    max_in_flight: int = 0


class Intake:
    """One provider at work."""

    def __init__(self, provider: Provider, ledger: Ledger, receipts: Receipts) -> None:
        self._provider = provider
        self._ledger = ledger
        self._receipts = receipts
        self._accepted: dict[str, str] | None = None
        self.behaviour = Behaviour()
        self.random = Random()
        self._counts = Counts()

    def behave(self, behaviour: Behaviour, seed: int | None) -> None:
        """Behaves so from now on; with a seed, the luck of the calls to come is the same each time."""
        # Switched on late, deduplication must know what was accepted before, also by earlier runs.
        if not behaviour.deduplicate:
            self._accepted = None
        elif self._accepted is None:
            self._accepted = self._ledger.references(self._provider.name)
        self.behaviour = behaviour
        self.random = Random(f"{seed}:{self._provider.name}") if seed is not None else Random()

    def counts(self) -> dict[str, int]:
        """The counts, by name."""
        return asdict(self._counts)

    def reset_counts(self) -> None:
        """Begins to count anew; calls in flight stay counted as such."""
        in_flight = self._counts.in_flight
        self._counts = Counts(in_flight=in_flight, max_in_flight=in_flight)

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Answers one call, or breaks it off."""
        self._counts.calls += 1
        self._counts.in_flight += 1
        self._counts.max_in_flight = max(self._counts.max_in_flight, self._counts.in_flight)
        try:
            return await self._call(request)
        finally:
            self._counts.in_flight -= 1

    async def _call(self, request: web.Request) -> web.StreamResponse:
        message = self._provider.read(request.headers, await request.read())
        if isinstance(message, Answer):
            self._counts.refused += 1
            return _response(message)
        behaviour = self.behaviour
        luck = draw(behaviour, self.random)
        if luck.fate in {Fate.FAILED, Fate.RESET}:
            await _pause(luck.latency)
            return self._fail(luck.fate, behaviour, request)
        provider_id, is_new = await self._accept(message)
        # A message without a complete answer has its receipts all the same: it was accepted.
        planned_early = behaviour.receipt_before_answer or luck.fate is not Fate.ANSWERED
        if is_new and planned_early:
            self._plan(message, provider_id, behaviour)
        await _pause(luck.latency)
        if is_new and not planned_early:
            self._plan(message, provider_id, behaviour)
        match luck.fate:
            case Fate.ACCEPTED_THEN_HANG:
                self._counts.hung += 1
                return await _hang(request)
            case Fate.ACCEPTED_THEN_RESET:
                self._counts.reset += 1
                return _break_off(request)
            case Fate.ANSWERED:
                return _response(self._provider.accepted(provider_id))
            case Fate.FAILED | Fate.RESET:
                raise AssertionError("handled before the message was accepted")
            case _ as never:
                assert_never(never)

    def _fail(self, fate: Fate, behaviour: Behaviour, request: web.Request) -> web.StreamResponse:
        if fate is Fate.RESET:
            self._counts.reset += 1
            return _break_off(request)
        self._counts.failed += 1
        return _response(self._provider.failure(behaviour.fail_status, behaviour.retry_after))

    async def _accept(self, message: Message) -> tuple[str, bool]:
        """The provider's id of a message that is on disk now, and whether it is a new one."""
        if self._accepted is not None and message.reference in self._accepted:
            known = self._accepted[message.reference]
            # Its first call may have been an instant ago, in the same turn of the loop.
            await self._ledger.settled()
            self._counts.deduplicated += 1
            return known, False
        provider_id = self._provider.new_id()
        if self._accepted is not None and message.reference:
            self._accepted[message.reference] = provider_id
        entry: dict[str, object] = {
            "provider": self._provider.name,
            "reference": message.reference,
            "provider_id": provider_id,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "recipient": fingerprint(message.recipient),
        }
        if message.reply_to:
            # The address of a service, not of a person; a recipient never stands here.
            entry["reply_to"] = message.reply_to
        try:
            await self._ledger.append(entry)
        except OSError:
            if self._accepted is not None:
                self._accepted.pop(message.reference, None)
            raise
        self._counts.accepted += 1
        return provider_id, True

    def _plan(self, message: Message, provider_id: str, behaviour: Behaviour) -> None:
        if behaviour.receipts:
            receipts = self._provider.receipts(message, provider_id, behaviour.pending_first)
            self._receipts.plan(receipts, behaviour, self.random)


async def _pause(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)


def _response(answer: Answer) -> web.Response:
    return web.Response(
        body=answer.body, status=answer.status, content_type=answer.content_type, headers=answer.headers
    )


async def _hang(request: web.Request) -> web.Response:
    # aiohttp tells nobody that a caller has gone unless it may cancel every handler, accepted messages included.
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110
        await asyncio.sleep(_HANG_POLL_SECONDS)
    return web.Response()


def _break_off(request: web.Request) -> web.Response:
    """Resets the connection; what is returned reaches no one."""
    transport = request.transport
    if transport is not None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
    return web.Response()
