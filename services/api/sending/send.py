"""Sending: what is asked of the world around acceptance, in order, and what is given back when it fails."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from octavo.crypto import Randomness
from octavo.domain.errors import Forbidden, Reason, Rejected
from octavo.domain.ids import may_repeat
from octavo.domain.notification import KeyType
from octavo.faultpoint import Point, reach
from octavo.messaging.publisher import NotSent, Publisher
from octavo.storage.directory import ApiKey, Service
from octavo.telemetry import metrics, traces
from octavo.telemetry.measured import measured
from services.api.known import Known
from services.api.sending.accept import (
    Acceptance,
    Accepted,
    SendResponse,
    answer,
    check_template,
)
from services.api.sending.earlier import Earlier
from services.api.sending.guests import Guests
from services.api.sending.limiting import Limits
from services.api.sending.repeats import Repeats, SharedOutcome, reused
from services.api.sending.wish import SendRequest, Wish, Wishes
from services.api.serving.caller import Caller, current

if TYPE_CHECKING:
    from octavo.telemetry.spans import Traces

BYTES_OF_RANDOMNESS = 10


class Sending:
    """Accepts messages: authorised, checked, charged, published, acknowledged, answered."""

    def __init__(
        self,
        known: Known,
        wishes: Wishes,
        acceptance: Acceptance,
        guests: Guests,
        earlier: Earlier,
        limits: Limits,
        publisher: Publisher,
        clock: Callable[[], datetime],
    ) -> None:
        self._known = known
        self._wishes = wishes
        self._acceptance = acceptance
        self._guests = guests
        self._earlier = earlier
        self._limits = limits
        self._publisher = publisher
        self._clock = clock
        self._randomness = Randomness()
        self.repeats = Repeats()
        self._accepted = {kind: metrics.ACCEPTED.labels(kind) for kind in ("sms", "email")}

    @measured
    async def send(self, request: SendRequest, caller: Caller) -> SendResponse:
        """The answer, once Kafka has the message. Raises any OctavoError but Malformed."""
        now = self._clock()
        service, key = may_send(caller)
        made = await self.make(request, service, key, now)
        if not isinstance(made, Accepted):
            return made
        earlier = self.begin(made, request)
        if earlier is not None:
            return await shared(earlier)
        try:
            if not self._limits.spend(service, made.type, key.key_type, 1, now):
                await self._limits.take(service, made.type, key.key_type, 1, now)
            await self.publish([made], service, key, now)
        except BaseException as error:
            self.repeats.fail(made, error)
            raise
        self.repeats.succeed(made)
        return made.response

    def begin(self, made: Accepted, request: SendRequest) -> SharedOutcome | None:
        """The outcome of the same call, if one was made moments ago; else this one is under way, until it succeeds or fails.

        Raises AlreadyExists if the request_id came with another content.
        """
        if not request.request_id:
            return None
        earlier = self.repeats.earlier(made)
        if earlier is None:
            self.repeats.begin(made)
        return earlier

    async def make(self, request: SendRequest, service: Service, key: ApiKey, now: datetime) -> Accepted | SendResponse:
        """What is to be charged and published; or the answer of the first call, if this one repeats it.

        Raises Rejected or Unavailable.
        """
        wish = self._wishes.read(request, service, key.key_type, now, self._randomness.take(BYTES_OF_RANDOMNESS))
        if wish.request_id is not None and may_repeat(wish.request_id, now):
            again = await self._again(wish, service)
            if again is not None:
                return again
        self._wishes.check_first(wish, service, now)
        found = self._known.at_hand(wish.template_id)
        if found is None:
            head = check_template(wish, service, await self._known.template(wish.template_id))
            version = await self._known.version(head.id, head.version)
        else:
            head, version = found
            check_template(wish, service, head)
        if (service.trial and key.key_type is not KeyType.TEST) or key.key_type is KeyType.TEAM:
            await self._guests.check(service.id, wish)
        return self._acceptance.accept(wish, service, key.key_type, version, now)

    async def _again(self, wish: Wish, service: Service) -> SendResponse | None:
        row = await self._earlier.find(wish.id)
        if row is None:
            return None
        if row.content_hash != wish.content_hash:
            raise reused()
        prefix = self._acceptance.prefix_of(wish.id, row.sealed, service)
        return answer(wish, prefix, await self._known.version(row.template_id, row.template_version))

    async def publish(self, accepted: Sequence[Accepted], service: Service, key: ApiKey, now: datetime) -> None:
        """Publishes what was charged. Raises Unavailable; what certainly did not go out is charged no more."""
        reach(Point.API_BEFORE_PUBLISH)
        try:
            if traces.active is None or not any(traces.active.traced(made.id.bytes) for made in accepted):
                # By far the most.
                await self._publisher.publish([made.outgoing for made in accepted])
            else:
                await self._traced(traces.active, accepted, service, now)
        except (NotSent, Rejected):
            for made in accepted:
                self._limits.give_back(service, made.type, key.key_type, 1, now)
            raise
        for made in accepted:
            self._accepted[made.type].inc()
        reach(Point.API_BEFORE_ANSWER)

    async def _traced(self, on: "Traces", accepted: Sequence[Accepted], service: Service, now: datetime) -> None:
        """Publishes with the first span of each that is traced: from the arrival of the call to the acknowledgement."""
        ids, caller = [made.id.bytes for made in accepted], current().traceparent
        with on.begun("accept", ids, now, {"octavo.service_id": str(service.id)}, caller=caller) as headers:
            await self._publisher.publish(
                [made.outgoing._replace(headers=one) for made, one in zip(accepted, headers, strict=True)]
            )


def may_send(caller: Caller) -> tuple[Service, ApiKey]:
    """Who sends. Raises Forbidden if the caller may not."""
    service, key = caller.as_service()
    if service.suspended:
        raise Forbidden(Reason.SERVICE_SUSPENDED, "the service is suspended")
    return service, key


async def shared(outcome: SharedOutcome) -> SendResponse:
    """The outcome of a call that somebody else made."""
    return await asyncio.shield(outcome) if isinstance(outcome, asyncio.Future) else outcome
