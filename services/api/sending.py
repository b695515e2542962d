"""Sending: what is asked of the world around acceptance, in order, and what is given back when it fails."""

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from google.rpc.status_pb2 import Status

from octavo.domain.errors import Forbidden, Invalid, OctavoError, Reason
from octavo.domain.ids import time_of
from octavo.domain.notification import KeyType
from octavo.faultpoint import Point, reach
from octavo.messaging.publisher import NotSent, Publisher
from octavo.storage.directory import ApiKey, Service
from octavo.telemetry import metrics
from octavo.telemetry.measured import measured
from services.api import errors
from services.api.accept import Acceptance, Accepted, SendRequest, SendResponse, Wish, answer, check_template
from services.api.caller import Caller
from services.api.earlier import Earlier
from services.api.guests import Guests
from services.api.known import Known
from services.api.limiting import Limits
from services.api.repeats import Repeats, reused

YOUNG = timedelta(seconds=2)
"""A first attempt is always younger than this; only an older request_id costs a look-up (design, section 3)."""
BYTES_OF_RANDOMNESS = 10


class Sending:
    """Accepts messages: authorised, checked, charged, published, acknowledged, answered."""

    def __init__(
        self,
        known: Known,
        acceptance: Acceptance,
        guests: Guests,
        earlier: Earlier,
        limits: Limits,
        publisher: Publisher,
        clock: Callable[[], datetime],
    ) -> None:
        self._known = known
        self._acceptance = acceptance
        self._guests = guests
        self._earlier = earlier
        self._limits = limits
        self._publisher = publisher
        self._clock = clock
        self._repeats = Repeats()
        self._accepted = {kind: metrics.ACCEPTED.labels(kind) for kind in ("sms", "email")}

    @measured
    async def send(self, request: SendRequest, caller: Caller) -> SendResponse:
        """The answer, once Kafka has the message. Raises any OctavoError but Malformed."""
        now = self._clock()
        service, key = _may_send(caller)
        made = await self._make(request, service, key, now)
        if not isinstance(made, Accepted):
            return made
        repeatable = bool(request.request_id)
        if repeatable:
            earlier = self._repeats.earlier(made)
            if earlier is not None:
                return await _shared(earlier)
            self._repeats.begin(made)
        try:
            await self._limits.take(service, made.type, key.key_type, 1, now)
            await self._publish([made], service, key, now)
        except BaseException as error:
            if repeatable:
                self._repeats.fail(made, error)
            raise
        if repeatable:
            self._repeats.succeed(made)
        return made.response

    @measured
    async def send_batch(self, requests: Sequence[SendRequest | None], caller: Caller) -> list[SendResponse | Status]:
        """The answer for each, or the status that it would have had alone. One publish for all.

        Raises Unavailable if that publish fails.
        """
        now = self._clock()
        service, key = _may_send(caller)
        results: list[SendResponse | Status] = []
        accepted: list[Accepted] = []
        seen: dict[bytes, Accepted] = {}
        for request in requests:
            try:
                if request is None:
                    raise Invalid.of("items", Reason.MISSING_FIELD, "the item holds no message")
                made = await self._make(request, service, key, now)
                if isinstance(made, Accepted):
                    twin = seen.get(made.outgoing.key)
                    if twin is not None and twin.content_hash != made.content_hash:
                        raise reused()
                    if twin is None:
                        await self._limits.take(service, made.type, key.key_type, 1, now)
                        accepted.append(made)
                        seen[made.outgoing.key] = made
                    made = (twin or made).response
                results.append(made)
            except OctavoError as error:
                results.append(errors.answer(error).status)
        if accepted:
            await self._publish(accepted, service, key, now)
        return results

    async def _make(
        self, request: SendRequest, service: Service, key: ApiKey, now: datetime
    ) -> Accepted | SendResponse:
        """What is to be published; or the answer of the first call, if this one repeats it."""
        wish = self._acceptance.read(request, service, now, os.urandom(BYTES_OF_RANDOMNESS))
        if wish.request_id is not None and now - time_of(wish.request_id) > YOUNG:
            again = await self._again(wish, service)
            if again is not None:
                return again
        head = check_template(wish, service, await self._known.template(wish.template_id))
        version = await self._known.version(head.id, head.version)
        if (service.trial and key.key_type is not KeyType.TEST) or key.key_type is KeyType.TEAM:
            await self._guests.check(service.id, wish)
        return self._acceptance.accept(wish, service, key.key_type, head, version, now)

    async def _again(self, wish: Wish, service: Service) -> SendResponse | None:
        row = await self._earlier.find(wish.id)
        if row is None:
            return None
        if row.content_hash != wish.content_hash:
            raise reused()
        return answer(wish, service, await self._known.version(row.template_id, row.template_version))

    async def _publish(self, accepted: Sequence[Accepted], service: Service, key: ApiKey, now: datetime) -> None:
        reach(Point.API_BEFORE_PUBLISH)
        try:
            await self._publisher.publish([made.outgoing for made in accepted])
        except NotSent:
            for made in accepted:
                self._limits.give_back(service, made.type, key.key_type, 1, now)
            raise
        for made in accepted:
            self._accepted[made.type].inc()
        reach(Point.API_BEFORE_ANSWER)


def _may_send(caller: Caller) -> tuple[Service, ApiKey]:
    service, key = caller.as_service()
    if service.suspended:
        raise Forbidden(Reason.SERVICE_SUSPENDED, "the service is suspended")
    return service, key


async def _shared(outcome: asyncio.Future[SendResponse]) -> SendResponse:
    return await asyncio.shield(outcome)
