"""The roles of the process, put together from their settings."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import Any

from octavo.config import DatabaseSettings, Settings, split
from octavo.messaging.deferred import SOON_SECONDS, Deferred
from octavo.messaging.kafka import KafkaPublisher, KafkaSink, KafkaSource
from octavo.messaging.loop import Consumer
from octavo.messaging.security import ConsumerConnection, KafkaConnection
from octavo.process import Part, ThreadPart
from octavo.providers.firetext import FiretextReceipts
from octavo.providers.mmg import MmgReceipts
from octavo.providers.ses import SesReceipts
from octavo.providers.sns import SnsInbox
from octavo.providers.sns_certificates import FetchedCertificates, LocalCertificate
from octavo.storage.engine import engine
from octavo.topics import RECEIPTS
from services.callbacks.doors import Door, SesDoor, SmsDoor
from services.callbacks.handler import BATCH, HeldReceipts, Mover
from services.callbacks.pace import Pace
from services.callbacks.receiver import Receiver, ReceiverPart
from services.callbacks.settings import ReceiverSettings


def receiver(kafka: KafkaConnection, settings: ReceiverSettings) -> list[Part]:
    """Takes receipts over HTTP, and publishes them."""
    file = settings.sns_certificate_file
    inbox = SnsInbox(
        settings.aws_region,
        split(settings.sns_topic_arns),
        LocalCertificate(file) if file else FetchedCertificates(),
    )
    doors: list[Door] = [
        SmsDoor(MmgReceipts(settings.mmg_receipt_token.get_secret_value())),
        SmsDoor(FiretextReceipts(settings.firetext_receipt_token.get_secret_value())),
        SesDoor(SesReceipts(), inbox),
    ]
    publisher = KafkaPublisher(kafka.kafka_bootstrap, [RECEIPTS.name], kafka.security())
    listening = ReceiverPart(
        Receiver(doors, publisher),
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
    """What the process can be: the settings it needs beside Kafka's, its parts, and what they use."""

    settings: type[Settings]
    parts: Callable[[ConsumerConnection, Any], list[Part]]
    topics: tuple[str, ...]
    database: bool


ROLES = {
    "receiver": Role(ReceiverSettings, receiver, (RECEIPTS.name,), database=False),
    "handler": Role(DatabaseSettings, handler, (RECEIPTS.name, RECEIPTS.dead), database=True),
}
