"""The receiver: takes receipts over HTTP and answers once they are durable. It needs Kafka, and never PostgreSQL."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web

from octavo import topics
from octavo.domain.errors import Rejected, Unauthenticated, Unavailable
from octavo.faultpoint import Point, reach
from octavo.listening import listening
from octavo.messaging.publisher import Publisher
from octavo.providers import ReceiptRequest
from octavo.providers.sns_envelope import Forged, Refusal
from octavo.storage.columns import STATUS_OF
from octavo.telemetry import metrics, statsd, traces
from octavo.telemetry.zero import at_zero
from octavo.topics import to
from octavo.v1.messages_pb2 import ReceiptMessage
from services.callbacks.doors import Door, Taken
from services.callbacks.reading import (
    NO_DOOR,
    NO_DOOR_REFUSALS,
    BrokenOff,
    TooLarge,
    WatchedServer,
    arrived,
    whole_body,
)

RETRY_AFTER_SECONDS = 5
_AWAY = 503
_STATUS_OF_REFUSAL = {Refusal.UNREADABLE: 400, Refusal.REPLAYED: 409}
MEANINGS = ("pending", "delivered", "temporary-failure", "permanent-failure", "technical-failure", "complaint")
"""What a receipt can mean, as the label of its counter."""
REFUSALS = ("method", "credentials", "too-large", "broken-off", "unavailable", "unreadable", *Refusal)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a request is refused: the status of the answer, and the label of the counter."""

    status: int
    reason: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Receiver:
    """A handler of requests: one path for each door."""

    def __init__(self, doors: Sequence[Door], publisher: Publisher) -> None:
        self._doors = {f"/receipts/{door.name}": door for door in doors}
        self._publisher = publisher
        names = [door.name for door in doors]
        # Bound once, and there from the start.
        self._counted = {
            (name, meaning): metrics.RECEIPTS.labels(name, meaning) for name in names for meaning in MEANINGS
        }
        at_zero(metrics.RECEIPTS_UNKNOWN, names)
        at_zero(metrics.RECEIPTS_REFUSED, names, REFUSALS)
        at_zero(metrics.RECEIPTS_REFUSED, [NO_DOOR], NO_DOOR_REFUSALS)

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Takes a receipt: verified, parsed, published, and only then answered with 200."""
        door = self._doors.get(request.path)
        if door is None:
            return _refusal(request, NO_DOOR, Verdict(404, "unknown-path"))
        if request.method != "POST":
            return _refusal(request, door.name, Verdict(405, "method", {"Allow": "POST"}))
        try:
            now = datetime.now(UTC)
            door.admit(request.headers, now)
            body = await whole_body(request, door.limit)
            taken = await door.take(ReceiptRequest(request.headers, body, now))
            await self._keep(door, taken)
        # A parser may leave it to its JSON reader to say that nesting is too deep.
        except (Rejected, Unavailable, TooLarge, BrokenOff, RecursionError) as error:
            return _refusal(request, door.name, verdict(error))
        if request.transport is not None and not request.transport.is_closing():
            # Whoever is gone does not hear the answer, and may come again.
            taken.done()
        return web.Response()

    async def _keep(self, door: Door, taken: Taken) -> None:
        reach(Point.CALLBACKS_BEFORE_WRITE)
        if taken.receipts:
            await self._publish(door, taken.receipts)
        reach(Point.CALLBACKS_AFTER_WRITE)
        for receipt in taken.receipts:
            meaning = mapped_status(receipt)
            counted = self._counted.get((door.name, meaning)) or metrics.RECEIPTS.labels(door.name, meaning)
            counted.inc()
            if statsd.exporter is not None:
                statsd.count("callbacks", door.name, meaning)

    async def _publish(self, door: Door, receipts: Sequence[ReceiptMessage]) -> None:
        if traces.active is None:
            await self._publisher.publish([to(topics.RECEIPTS, receipt) for receipt in receipts])
            return
        # A provider hands our reference back, and no headers: the receipt goes behind the first span.
        items = [(receipt.notification_id, ()) for receipt in receipts]
        with traces.active.handled(f"receive {door.name}", items, {}) as headers:
            await self._publisher.publish(
                [to(topics.RECEIPTS, receipt, headers.get(receipt.notification_id, ())) for receipt in receipts]
            )


def mapped_status(receipt: ReceiptMessage) -> str:
    """What a receipt means, as the label of its counter."""
    if receipt.complaint:
        return "complaint"
    return STATUS_OF.get(receipt.status, "unspecified")


def verdict(error: Exception) -> Verdict:
    """What is answered to a request that ended in this error."""
    match error:
        case Unauthenticated():
            return Verdict(401, "credentials")
        case Forged():
            return Verdict(_STATUS_OF_REFUSAL.get(error.refusal, 403), error.refusal.value)
        case TooLarge():
            return Verdict(413, "too-large")
        case BrokenOff():
            return Verdict(400, "broken-off")
        case Unavailable():
            return Verdict(_AWAY, "unavailable", {"Retry-After": str(RETRY_AFTER_SECONDS)})
        case _:
            return Verdict(400, "unreadable")


def _refusal(request: web.BaseRequest, name: str, why: Verdict) -> web.Response:
    metrics.RECEIPTS_REFUSED.labels(name, why.reason).inc()
    arrived(request)
    response = web.Response(status=why.status, headers=why.headers)
    if why.status != _AWAY or not request.content.is_eof():
        # Who is not let in holds no connection: there are only so many.
        response.force_close()
    return response


class ReceiverPart:
    """The receiver as a part of its process. It listens while Kafka is away, too: receipts are answered with 503 then."""

    name = "receiver"

    def __init__(self, receiver: Receiver, *, host: str, port: int, connections: int) -> None:
        self._host = host
        self._port = port
        self._server = WatchedServer(receiver.answer, connections)
        self._runner: web.ServerRunner | None = None
        self._site: web.TCPSite | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._runner.addresses[0][1]) if self._runner else self._port

    async def start(self) -> None:
        """Listens."""
        self._runner = web.ServerRunner(self._server, access_log=None)
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, self._host, self._port, backlog=512)
        with listening("OCTAVO_RECEIPTS_HOST, OCTAVO_RECEIPTS_PORT", self._host, self._port):
            await self._site.start()

    def unready(self) -> str | None:
        """It can always take; whether Kafka can is the publisher's to say."""
        return None

    async def drain(self) -> None:
        """Accepts no connection, answers what came, and ends."""
        if self._site and self._runner:
            await self._site.stop()
            # Requests that are half there would be dropped by the rest.
            with suppress(TimeoutError):
                await self._server.finish()
            await self._runner.cleanup()
