"""The part of the api that takes CSV jobs, put together."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from hashlib import sha256

from octavo.crypto import Hasher, Sealer
from octavo.messaging.publisher import Publisher
from octavo.objects import StoreSettings, object_store
from octavo.storage.engine import engine
from octavo.v1 import job_service_pb2
from services.api.jobs.cancel import JobCancel
from services.api.jobs.checker import Checker
from services.api.jobs.report import JobReport
from services.api.jobs.request import JobReading
from services.api.jobs.servicer import JobServicer
from services.api.jobs.start import JobStart
from services.api.jobs.uploads import Uploads
from services.api.jobs.view import JobView
from services.api.jobs.watch import JobWatch
from services.api.known import Known
from services.api.serving.server import Served
from services.api.settings import ApiSettings
from services.api.transactions import Transactions

CONNECTIONS = 3
"""Of jobs alone: counting and reporting many rows takes a while, which no other call is to wait for."""
STORE_THREADS = 8


def job_service(
    settings: ApiSettings,
    known: Known,
    publisher: Publisher,
    clock: Callable[[], datetime],
) -> tuple[Served, JobWatch]:
    """The service, and its streams, which are a part of the process: they end before the server does."""
    # The processes that check files get no more than this.
    store_settings = StoreSettings(
        s3_endpoint_url=settings.s3_endpoint_url, s3_bucket=settings.s3_bucket, aws_region=settings.aws_region
    )
    hasher = Hasher(settings.key_of_hashes())
    pool = engine(settings.database_url.get_secret_value(), pool=CONNECTIONS, application="octavo-api-jobs", ping=True)
    transactions = Transactions(pool, ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="jobs"))
    store = object_store(store_settings)
    threads = ThreadPoolExecutor(STORE_THREADS, thread_name_prefix="store")
    view = JobView(transactions, hasher)
    watch = JobWatch(view, known, settings.most_streams)
    start = JobStart(
        known,
        JobReading(hasher, sha256(b"job ids" + settings.key_of_hashes()).digest()),
        Checker(store_settings, settings.key_of_hashes(), settings.default_region),
        store,
        threads,
        transactions,
        publisher,
        clock,
    )
    servicer = JobServicer(
        Uploads(store, threads, clock),
        start,
        view,
        watch,
        JobCancel(transactions),
        JobReport(transactions, Sealer(settings.keys(), settings.sealed_form)),
        known,
    )
    return Served(job_service_pb2.DESCRIPTOR.services_by_name["JobService"], servicer), watch
