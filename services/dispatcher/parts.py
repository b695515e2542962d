"""The parts of the process, put together from their settings."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from threading import Event

from sqlalchemy import Engine

from octavo.config import Settings
from octavo.crypto import Sealer
from octavo.domain.weights import Weights
from octavo.messaging.deferred import Deferred
from octavo.messaging.kafka import KafkaSink, KafkaSource
from octavo.messaging.loop import Consumer
from octavo.process import Part, ThreadPart
from octavo.providers import Provider
from octavo.providers.registry import PROVIDERS
from octavo.storage.directory import Directory
from octavo.storage.engine import engine
from octavo.telemetry import metrics
from octavo.telemetry.retries import send_step
from octavo.telemetry.zero import at_zero
from octavo.topics import LANES, RECEIPTS, Lane
from services.dispatcher.claims import BATCH, Claimed, Claims
from services.dispatcher.compose import Composer
from services.dispatcher.paces import Paces
from services.dispatcher.recorder import Recorder
from services.dispatcher.sending import Sending
from services.dispatcher.settings import DispatcherSettings
from services.dispatcher.unsent import Unsent

TOPICS: Mapping[str, Lane] = {lane.send.name: lane for lane in LANES}
"""What the process can consume."""

USED = {name: [name, lane.send.dead, RECEIPTS.name] for name, lane in TOPICS.items()}
"""The topics that are read or written by each: sends with test keys write their receipts themselves."""


class Clients:
    """A part that is the connections to the providers of one topic: ended last."""

    def __init__(self, topic: str, providers: Sequence[Provider]) -> None:
        self.name = f"{topic}.providers"
        self._providers = providers

    async def start(self) -> None:
        """Connections are made when they are needed."""

    def unready(self) -> str | None:
        """Never: a provider that is away is each send's own outcome."""
        return None

    async def drain(self) -> None:
        """Ends the connections."""
        for provider in self._providers:
            await provider.close()


def topic_parts(
    lane: Lane, settings: DispatcherSettings, of_providers: Mapping[str, Settings], pool: Engine
) -> list[Part]:
    """The reader, the recorder and the providers of one topic: nothing is shared with another but the database's pool."""
    name = lane.send.name
    for metric in (metrics.RETRIES, metrics.RETRIES_FAILED):
        at_zero(metric, [send_step(lane.type)])
    rest = settings.weights(lane.type)
    weights = Weights(rest)
    for one in rest:
        metrics.PROVIDER_WEIGHT.labels(name, one).set_function(lambda one=one: weights.current[one])  # type: ignore[misc]
    providers = {
        one: PROVIDERS[one].make(of_providers[one], settings.in_flight) for one, weight in rest.items() if weight
    }
    sink = KafkaSink(settings.kafka_bootstrap, settings.security())
    # Half at most, so that some are sent while the next are read.
    batch = min(BATCH, (settings.in_flight + 1) // 2)
    kafka = KafkaSource(
        settings.kafka_bootstrap,
        lane.send.group,
        [name],
        security=settings.security(),
        at_most=batch,
        session_seconds=settings.consumer_session_seconds,
    )
    source = Deferred(kafka, settings.in_flight, batch=batch)
    recorder = Recorder(pool, settings.backoff(), source.finish)
    # As many as any of them can make, so that a claim's age is looked at when its call begins.
    at_once = min(provider.at_once for provider in providers.values())
    sending = Sending(name, providers, weights, Unsent(sink), recorder, at_once=at_once)
    loop = asyncio.get_running_loop()

    def hand_on(batch: Sequence[Claimed]) -> None:
        loop.call_soon_threadsafe(sending.begin, batch)

    def turn(shares: Mapping[str, float]) -> None:
        loop.call_soon_threadsafe(weights.paced, shares, datetime.now(UTC))

    composer = Composer(
        Sealer(settings.keys(), settings.sealed_form),
        Directory(pool),
        default_region=settings.default_region,
        default_sms_sender=settings.default_sms_sender,
    )
    claims = Claims(pool, composer, topic=name, begin=source.begin, hand_on=hand_on, make_room=source.make_room)

    def consume(stop: Event) -> None:
        Consumer(lane.send, source, claims.claim, sink).run(stop)

    return [
        # Its end waits for the calls under way and their recording.
        ThreadPart(name, consume, lambda: None if kafka.joined else "no broker answers yet"),
        ThreadPart(f"{name}.recorder", recorder.run),
        ThreadPart(f"{name}.paces", Paces(pool, turn).run),
        Clients(name, list(providers.values())),
    ]


def parts(settings: DispatcherSettings, of_providers: Mapping[str, Settings], topics: Sequence[str]) -> list[Part]:
    """The parts of the topics."""
    pool = engine(
        settings.database_url.get_secret_value(),
        pool=settings.database_pool,
        application="octavo-dispatcher",
        by_key=True,
        one_by_one=True,
    )
    return [part for topic in topics for part in topic_parts(TOPICS[topic], settings, of_providers, pool)]
