"""The parts that read CSV jobs: the consumer of `jobs`, the reader, and the sweeps of jobs."""

from datetime import timedelta
from threading import Event

from pydantic import Field

from octavo.config import DatabaseSettings, RegionSettings, SealingSettings
from octavo.crypto import Hasher, Sealer
from octavo.messaging.kafka import KafkaSink, KafkaSource
from octavo.messaging.loop import Consumer
from octavo.messaging.security import ConsumerConnection
from octavo.objects import StoreSettings, object_store
from octavo.process import Part, ThreadPart
from octavo.storage.directory import Directory
from octavo.storage.engine import engine
from octavo.topics import JOBS
from services.persister.jobreader import JobReader
from services.persister.jobsweeps import JobSweeps, UploadSweep
from services.persister.openjob import Files

CONNECTIONS = 3


class JobReaderSettings(DatabaseSettings, ConsumerConnection, SealingSettings, RegionSettings, StoreSettings):
    """The reader of CSV jobs."""

    unused_upload_days: float = Field(
        default=2, ge=0.1, le=365, description="After so many days an uploaded file is erased that no job has named."
    )


def job_parts(settings: JobReaderSettings) -> list[Part]:
    """The consumer, the reader and the sweeps, with connections of their own."""
    pool = engine(settings.database_url.get_secret_value(), pool=CONNECTIONS, application="octavo-jobs")
    store = object_store(settings)
    files = Files(
        store,
        Directory(pool),
        Sealer(settings.keys(), settings.sealed_form),
        Hasher(settings.key_of_hashes()),
        settings.default_region,
    )
    reader = JobReader(pool, KafkaSink(settings.kafka_bootstrap, settings.security()), files)
    source = KafkaSource(
        settings.kafka_bootstrap,
        JOBS.group,
        [JOBS.name],
        security=settings.security(),
        session_seconds=settings.consumer_session_seconds,
    )

    def consume(stop: Event) -> None:
        Consumer(JOBS, source, reader.hear, KafkaSink(settings.kafka_bootstrap, settings.security())).run(stop)

    return [
        ThreadPart(JOBS.name, consume, lambda: None if source.joined else "no broker answers yet"),
        ThreadPart("job reader", reader.run),
        ThreadPart("job sweeps", JobSweeps(pool, store).run),
        ThreadPart("upload sweep", UploadSweep(pool, store, timedelta(days=settings.unused_upload_days)).run),
    ]
