"""The api, put together."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import uuid4

from octavo import topics
from octavo.crypto import Hasher, Sealer
from octavo.messaging.kafka import KafkaPublisher
from octavo.process import Part
from octavo.storage.directory import Directory
from octavo.storage.engine import engine
from octavo.v1 import notification_service_pb2
from services.api.following.arrivals import Arrivals
from services.api.following.cancelling import Cancelling
from services.api.following.lookups import Lookups
from services.api.following.moves import Moves
from services.api.following.shown import Shown
from services.api.following.statistics import Statistics
from services.api.following.watching import Watching
from services.api.jobs.parts import job_service
from services.api.known import Known
from services.api.management.key_use import KeyUse
from services.api.management.parts import management
from services.api.notifications import NotificationServicer
from services.api.resume_token import ResumeTokens
from services.api.sending.accept import Acceptance
from services.api.sending.batch import Batches
from services.api.sending.earlier import Earlier
from services.api.sending.guests import Guests
from services.api.sending.limits import LeasedLimits
from services.api.sending.send import Sending
from services.api.sending.wish import Wishes
from services.api.serving.authentication import Authenticator
from services.api.serving.server import GrpcServer, Served
from services.api.settings import ApiSettings
from services.api.transactions import Transactions

PUBLISHED = (topics.DB_SMS.name, topics.DB_EMAIL.name, topics.JOBS.name)
DIRECTORY_CONNECTIONS = 2
LIMIT_CONNECTIONS = 2


def clock() -> datetime:
    """The time."""
    return datetime.now(UTC)


def parts(settings: ApiSettings) -> Sequence[Part]:
    """The parts of the process, in the order in which they drain."""
    url = settings.database_url.get_secret_value()
    # Apart from the lookups, so that sending does not wait behind them.
    directory_engine = engine(
        url, pool=DIRECTORY_CONNECTIONS, application="octavo-api-directory", ping=True, one_by_one=True
    )
    lookup_engine = engine(url, pool=settings.database_pool, application="octavo-api", ping=True)
    threads = ThreadPoolExecutor(settings.database_pool, thread_name_prefix="lookups")
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(4, thread_name_prefix="beside"))

    sealer, hasher = Sealer(settings.keys(), settings.sealed_form), Hasher(settings.key_of_hashes())
    directory = Directory(directory_engine)
    known = Known(directory)
    publisher = KafkaPublisher(settings.kafka_bootstrap, PUBLISHED, settings.security())
    limits_engine = engine(
        url, pool=LIMIT_CONNECTIONS, application="octavo-api-limits", ping=True, by_key=True, one_by_one=True
    )
    limits_threads = ThreadPoolExecutor(LIMIT_CONNECTIONS, thread_name_prefix="limits")
    limits = LeasedLimits(Transactions(limits_engine, limits_threads), uuid4())
    sending = Sending(
        known,
        Wishes(hasher, settings.key_of_hashes(), settings.default_region),
        Acceptance(sealer),
        Guests(directory_engine, known),
        Earlier(lookup_engine, threads),
        limits,
        publisher,
        clock,
    )
    arrivals = Arrivals(lookup_engine, threads)
    lookups = Lookups(
        lookup_engine, threads, Shown(sealer, directory), hasher, arrivals, settings.default_region, clock
    )
    cancelling = Cancelling(Transactions(lookup_engine, threads), lookups, arrivals, clock)
    streams = Moves(lookup_engine, threads, settings.most_streams)
    watching = Watching(lookup_engine, threads, streams, lookups, known, ResumeTokens(hasher))
    statistics = Statistics(Transactions(lookup_engine, threads), clock)
    key_use = KeyUse(Transactions(lookup_engine, threads), settings.key_use_seconds)
    authenticator = Authenticator(known, settings.admin_key.get_secret_value(), key_use.note)
    jobs, job_streams = job_service(settings, known, publisher, clock)
    services = [
        Served(
            notification_service_pb2.DESCRIPTOR.services_by_name["NotificationService"],
            NotificationServicer(sending, Batches(sending, limits, clock), lookups, cancelling, watching, statistics),
        ),
        jobs,
        *management(lookup_engine, directory, sealer, hasher, settings.default_region, clock),
    ]
    server = GrpcServer(settings, authenticator, services, publisher.unready)
    # Streams end first, or the server would wait for them; the publisher last: the calls under way still need it.
    return [streams, job_streams, server, key_use, limits, publisher]
