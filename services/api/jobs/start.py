"""Starting a CSV job: its file checked, its rows charged, its row written, its reader told."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import structlog
from sqlalchemy import Connection

from octavo.domain.errors import FailedPrecondition, Forbidden, Invalid, LimitExceeded, Reason, Unavailable
from octavo.domain.ids import may_repeat
from octavo.domain.jobrow import Texts
from octavo.domain.limits import day_of
from octavo.domain.notification import KeyType
from octavo.messaging.publisher import Publisher
from octavo.objects import ObjectStore, Stored
from octavo.storage.allowances import reserve
from octavo.storage.columns import KEY_TYPE, TYPE
from octavo.storage.directory import ApiKey, Service, TemplateHead
from octavo.storage.jobs import NewJob, create_job, get_job, guest_hashes
from octavo.telemetry.measured import measured
from octavo.topics import JOBS, to
from octavo.v1 import job_service_pb2 as pb
from octavo.v1.messages_pb2 import JobMessage
from services.api.fields import written_time
from services.api.jobs.check import Checked
from services.api.jobs.checker import Checker, Guests
from services.api.jobs.request import JobReading, JobWish, check_first, check_template
from services.api.jobs.uploads import check_size
from services.api.jobs.view import told
from services.api.known import Known
from services.api.sending.limits import used_up
from services.api.sending.repeats import reused
from services.api.transactions import Transactions

log = structlog.get_logger()

BYTES_OF_RANDOMNESS = 10
CHARGES = 3
"""How often the allowance is asked: what other processes hold of it idle comes back within two seconds."""


class JobStart:
    """Creates jobs."""

    def __init__(
        self,
        known: Known,
        reading: JobReading,
        checker: Checker,
        store: ObjectStore,
        threads: ThreadPoolExecutor,
        transactions: Transactions,
        publisher: Publisher,
        clock: Callable[[], datetime],
    ) -> None:
        self._known = known
        self._reading = reading
        self._checker = checker
        self._store = store
        self._threads = threads
        self._transactions = transactions
        self._publisher = publisher
        self._clock = clock

    @measured
    async def create(self, request: pb.CreateJobRequest, service: Service, key: ApiKey) -> pb.Job | str:
        """The id of the job, once it is written; or the job that would be made, if the request only checks.

        Raises any Rejected, and Unavailable.
        """
        now = self._clock()
        if service.suspended:
            raise Forbidden(Reason.SERVICE_SUSPENDED, "the service is suspended")
        wish = self._reading.read(request, service, key.key_type, now, os.urandom(BYTES_OF_RANDOMNESS))
        if wish.request_id is not None and may_repeat(wish.request_id, now) and await self._is_there(wish, service):
            return str(wish.id)
        check_first(wish, service, now)
        head = check_template(wish, service, await self._known.template(wish.template_id))
        version = await self._known.version(head.id, head.version)
        stored = await self._find(wish)
        texts = Texts(head.type, version.subject, version.content, service.prefix)
        checked = await self._checker.check(stored, texts, await self._guests(service, key))
        job = _new(wish, service, key, head, stored, checked, now)
        if wish.validate_only:
            return _unborn(job, checked)
        await self._write(job, service, checked, now)
        await self._tell(job)
        return str(job.id)

    async def _find(self, wish: JobWish) -> Stored:
        stored = await asyncio.get_running_loop().run_in_executor(self._threads, self._store.find, wish.object_key)
        if wish.etag and stored.etag != wish.etag:
            raise FailedPrecondition(Reason.FILE_CHANGED, "the file has another ETag", field="etag")
        check_size(stored.size)
        if not stored.size:
            raise Invalid.of("file", Reason.FILE_EMPTY, "the file is empty")
        return stored

    async def _guests(self, service: Service, key: ApiKey) -> Guests | None:
        if (service.trial and key.key_type is not KeyType.TEST) or key.key_type is KeyType.TEAM:
            hashes = await self._transactions.run(lambda connection: guest_hashes(connection, service.id))
            return Guests(service.id.bytes, hashes)
        return None

    async def _is_there(self, wish: JobWish, service: Service) -> bool:
        """Whether the job exists. Raises AlreadyExists if it has another content."""
        row = await self._transactions.run(lambda connection: get_job(connection, service.id, wish.id))
        if row is not None and bytes(row.content_hash) != wish.content_hash:
            raise reused()
        return row is not None

    async def _write(self, job: NewJob, service: Service, checked: Checked, now: datetime) -> None:
        """Writes and charges the job, in one transaction; harmless if it is there already.

        Raises LimitExceeded, having written nothing, or AlreadyExists.
        """
        limit = service.daily_limit(job.notification_type)

        def write(connection: Connection) -> bool:
            if not create_job(connection, job, checked.problems):
                row = get_job(connection, job.service_id, job.id)
                if row is None or bytes(row.content_hash) != job.content_hash:
                    raise reused()
            elif job.reserved and not reserve(
                connection, job.service_id, job.notification_type, job.reserved_day, limit=limit, count=job.reserved
            ):
                raise used_up(service, job.notification_type, limit, job.reserved, now)
            return True

        for again in reversed(range(CHARGES)):
            try:
                await self._transactions.run(write)
            except LimitExceeded:
                if not again or job.reserved > limit:
                    raise
                await asyncio.sleep(1)
            else:
                return

    async def _tell(self, job: NewJob) -> None:
        message = JobMessage(job_id=job.id.bytes, service_id=job.service_id.bytes)
        try:
            await self._publisher.publish([to(JOBS, message)])
        except Unavailable as error:
            # It is written: readers look for jobs by themselves, too, a second later.
            log.warning("a job was not announced", job_id=str(job.id), error=error.message)


def _new(
    wish: JobWish,
    service: Service,
    key: ApiKey,
    head: TemplateHead,
    stored: Stored,
    checked: Checked,
    now: datetime,
) -> NewJob:
    return NewJob(
        id=wish.id,
        service_id=service.id,
        template_id=head.id,
        template_version=head.version,
        notification_type=head.type,
        key_type=key.key_type,
        content_hash=wish.content_hash,
        file_name=wish.file_name,
        object_key=stored.key,
        etag=stored.etag,
        size_bytes=stored.size,
        encoding=checked.encoding,
        total_rows=checked.total_rows,
        refused_rows=len(checked.problems),
        reply_to=wish.reply_to,
        sms_sender=wish.sms_sender,
        reserved=0 if key.key_type is KeyType.TEST else checked.sendable_rows,
        reserved_day=day_of(now),
        send_at=wish.send_at,
        created_at=now,
    )


def _unborn(job: NewJob, checked: Checked) -> pb.Job:
    return pb.Job(
        service_id=str(job.service_id),
        template_id=str(job.template_id),
        template_version=job.template_version,
        type=TYPE[job.notification_type],
        key_type=KEY_TYPE[job.key_type],
        file_name=job.file_name,
        file=pb.CsvFile(object_key=job.object_key, etag=job.etag, size_bytes=job.size_bytes),
        total_rows=job.total_rows,
        refused_rows=job.refused_rows,
        send_at=written_time(job.send_at),
        problems=told(checked.problems),
        reply_to=job.reply_to,
        sms_sender=job.sms_sender,
    )
