"""The roles of the process, put together from their settings."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import Any

from octavo.config import DatabaseSettings, Settings
from octavo.loading import loaded_if_right
from octavo.messaging.deferred import SOON_SECONDS, Deferred
from octavo.messaging.kafka import KafkaPublisher, KafkaSink, KafkaSource
from octavo.messaging.loop import Consumer
from octavo.messaging.security import ConsumerConnection, KafkaConnection
from octavo.process import Part, ThreadPart
from octavo.storage.engine import engine
from octavo.topics import RECEIPTS
from services.callbacks.doors import Door
from services.callbacks.entrances import ENTRANCES
from services.callbacks.handler import BATCH, HeldReceipts, Mover
from services.callbacks.pace import Pace
from services.callbacks.receiver import Receiver, ReceiverPart
from services.callbacks.settings import OpenDoors, ReceiverSettings, settings_with


def doors(settings: ReceiverSettings) -> list[Door]:
    """The doors that are open, made of the settings that `settings_with` their names has."""
    return [ENTRANCES[name].make(settings) for name in settings.open_doors()]


def receiver(kafka: KafkaConnection, settings: ReceiverSettings) -> list[Part]:
    """Takes receipts over HTTP, and publishes them."""
    publisher = KafkaPublisher(kafka.kafka_bootstrap, [RECEIPTS.name], kafka.security())
    listening = ReceiverPart(
        Receiver(doors(settings), publisher),
        host=settings.receipts_host,
        port=settings.receipts_port,
        connections=settings.receipts_connections,
    )
    return [listening, publisher]


def handler(kafka: ConsumerConnection, settings: DatabaseSettings) -> list[Part]:
    """Consumes receipts, and moves notifications."""
    pool = engine(
        settings.database_url.get_secret_value(), pool=settings.database_pool, application="callbacks", by_key=True
    )

    pace = Pace(pool)

    def consume(stop: Event) -> None:
        sink = KafkaSink(kafka.kafka_bootstrap, kafka.security())
        source = KafkaSource(
            kafka.kafka_bootstrap,
            RECEIPTS.group,
            [RECEIPTS.name],
            security=kafka.security(),
            at_most=BATCH,
            session_seconds=kafka.consumer_session_seconds,
        )
        # A receipt that is handled again after a crash moves nothing.
        Consumer(RECEIPTS, Deferred(source, BATCH, SOON_SECONDS, batch=BATCH), Mover(pool, pace).move, sink).run(stop)

    return [
        ThreadPart("handler", consume),
        ThreadPart("held-receipts", HeldReceipts(pool, pace).run),
        ThreadPart("pace of receipts", pace.run),
    ]


@dataclass(frozen=True, slots=True)
class Role:
    """What the process can be: which settings it needs beside Kafka's, its parts, and what they use."""

    settings: Callable[[], type[Settings]]
    parts: Callable[[ConsumerConnection, Any], list[Part]]
    topics: tuple[str, ...]
    database: bool


def _receiver_settings() -> type[Settings]:
    told = loaded_if_right(OpenDoors)
    # Nobody knows which are open; what is wrong is told with all other faults.
    return settings_with(told.open_doors() if told else ())


ROLES = {
    "receiver": Role(_receiver_settings, receiver, (RECEIPTS.name,), database=False),
    "handler": Role(lambda: DatabaseSettings, handler, (RECEIPTS.name, RECEIPTS.dead), database=True),
}
