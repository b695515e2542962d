"""Sending up to 500 messages in one call: each is judged by itself, all that are accepted are published at once."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from google.rpc.status_pb2 import Status

from octavo.domain.errors import Invalid, LimitExceeded, OctavoError, Reason, Unavailable
from octavo.domain.limits import MAX_BATCH
from octavo.domain.notification import NotificationType
from octavo.storage.directory import ApiKey, Service
from octavo.telemetry.measured import measured
from octavo.v1 import notification_service_pb2 as pb
from services.api.sending.accept import Accepted, SendResponse
from services.api.sending.limiting import Limits
from services.api.sending.send import Sending, may_send, shared
from services.api.sending.wish import SendRequest
from services.api.serving import errors
from services.api.serving.caller import Caller

MOST_ANSWERED = 3_500_000
"""Bytes of all answers together. Clients refuse what is longer than 4 MiB, and would not know what was accepted."""
AT_ONCE = 50
"""After so many messages other calls have a turn: rendering 500 takes a while."""

Outcome: TypeAlias = SendResponse | Status | Accepted | asyncio.Future[SendResponse]
"""What is known of an item: its answer, its error, that it has yet to be published, or that it shares another call's outcome."""


@dataclass(frozen=True, slots=True)
class _Batch:
    service: Service
    key: ApiKey
    now: datetime


class Batches:
    """Sends batches."""

    def __init__(self, sending: Sending, limits: Limits, clock: Callable[[], datetime]) -> None:
        self._sending = sending
        self._limits = limits
        self._clock = clock

    @measured
    async def send(self, request: pb.SendBatchRequest, caller: Caller) -> pb.SendBatchResponse:
        """The answer for each item, or the error that it would have had alone.

        Raises Invalid if there are too many or none, Forbidden if the service may not send, Unavailable if the publish fails:
        then some may be out, and only those with a request_id can safely be sent again.
        """
        service, key = may_send(caller)
        _check_size(len(request.items))
        batch = _Batch(service, key, self._clock())
        outcomes: list[Outcome] = []
        answered = 0
        try:
            for place, item in enumerate(request.items):
                if place % AT_ONCE == AT_ONCE - 1:
                    await asyncio.sleep(0)
                outcome, size = await self._judge(item, batch)
                outcomes.append(outcome)
                answered += size
                _check_length(answered)
            await self._charge(outcomes, batch)
            accepted = [outcome for outcome in outcomes if isinstance(outcome, Accepted)]
            if accepted:
                await self._sending.publish(accepted, service, key, batch.now)
        except BaseException as error:
            for outcome in outcomes:
                if isinstance(outcome, Accepted):
                    self._sending.repeats.fail(outcome, error)
            raise
        for made in accepted:
            self._sending.repeats.succeed(made)
        return pb.SendBatchResponse(results=[await _result(outcome) for outcome in outcomes])

    async def _judge(self, item: pb.BatchItem, batch: _Batch) -> tuple[Outcome, int]:
        """What becomes of an item, and how many bytes its answer takes: the same, whoever makes it."""
        try:
            request = _message(item)
            made = await self._sending.make(request, batch.service, batch.key, batch.now)
            if not isinstance(made, Accepted):
                return made, made.ByteSize()
            return self._sending.begin(made, request) or made, made.response.ByteSize()
        except OctavoError as error:
            status = errors.answer(error).status
            return status, status.ByteSize()

    async def _charge(self, outcomes: list[Outcome], batch: _Batch) -> None:
        """Charges what is accepted; what is too much becomes an error in its place."""
        by_type: dict[NotificationType, list[int]] = defaultdict(list)
        for place, outcome in enumerate(outcomes):
            if isinstance(outcome, Accepted):
                by_type[outcome.type].append(place)
        for kind, places in by_type.items():
            if await self._all_fit(kind, len(places), batch):
                continue
            # Near the limit the first ones still fit.
            for place in places:
                await self._charge_one(outcomes, place, kind, batch)

    async def _all_fit(self, kind: NotificationType, count: int, batch: _Batch) -> bool:
        try:
            await self._limits.take(batch.service, kind, batch.key.key_type, count, batch.now)
        except (LimitExceeded, Unavailable):
            return False
        return True

    async def _charge_one(self, outcomes: list[Outcome], place: int, kind: NotificationType, batch: _Batch) -> None:
        made = outcomes[place]
        try:
            await self._limits.take(batch.service, kind, batch.key.key_type, 1, batch.now)
        except OctavoError as error:
            if isinstance(made, Accepted):
                self._sending.repeats.fail(made, error)
            outcomes[place] = errors.answer(error).status


def _check_size(items: int) -> None:
    if items > MAX_BATCH:
        raise Invalid.of("items", Reason.TOO_MANY_ITEMS, f"a batch has at most {MAX_BATCH} items")
    if items == 0:
        raise Invalid.of("items", Reason.MISSING_FIELD, "the batch has no items")


def _message(item: pb.BatchItem) -> SendRequest:
    match item.WhichOneof("message"):
        case "sms":
            return item.sms
        case "email":
            return item.email
        case _:
            raise Invalid.of("items", Reason.MISSING_FIELD, "the item holds no message")


async def _result(outcome: Outcome) -> pb.BatchResult:
    if isinstance(outcome, Accepted):
        outcome = outcome.response
    if isinstance(outcome, asyncio.Future):
        try:
            outcome = await shared(outcome)
        except OctavoError as error:
            outcome = errors.answer(error).status
    if isinstance(outcome, pb.SendSmsResponse):
        return pb.BatchResult(sms=outcome)
    if isinstance(outcome, pb.SendEmailResponse):
        return pb.BatchResult(email=outcome)
    return pb.BatchResult(error=outcome)


def _check_length(answered: int) -> None:
    if answered > MOST_ANSWERED:
        raise Invalid.of(
            "items",
            Reason.CONTENT_TOO_LONG,
            f"the rendered texts are longer than {MOST_ANSWERED:,} bytes: send fewer at once",
        )
