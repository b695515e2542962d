"""The job reader: CSV jobs become rows on `bulk-sms` and `bulk-email`, each exactly once whatever ends in between.

A job is a row of the database; `jobs` only says that there is a new one. Each turn publishes some rows, waits for Kafka's
acknowledgement, and then notes how far it is. A turn that is done again publishes the same ids, which collapse on their rows.
"""

from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import random
from threading import Event
from time import monotonic
from uuid import uuid4

import structlog
from sqlalchemy import Engine

from octavo.domain.errors import Malformed, Reason, Rejected, Unavailable
from octavo.domain.notification import NotificationType
from octavo.domain.retry import Backoff, seconds
from octavo.faultpoint import Point, reach
from octavo.messaging import Sink
from octavo.messaging.loop import Received
from octavo.storage.errors import transaction
from octavo.storage.jobqueue import (
    ClaimedJob,
    advance_job,
    any_job_waits,
    claim_jobs,
    finish_job,
    put_job_back,
    refused_rows,
)
from octavo.telemetry import metrics, traces
from octavo.telemetry.measured import measured
from octavo.telemetry.zero import at_zero
from octavo.topics import LANES, Outgoing
from octavo.v1.messages_pb2 import JobMessage
from services.persister.openjob import Files, OpenJob, Turn

log = structlog.get_logger()

STEP = "read_job"
MOST_OPEN = 8
"""Jobs that a process reads at once. Each holds a block of its file."""
SLICE_SECONDS = 5.0
"""How long a job may be read before one that waits for a place gets its place."""
EVERY_SECONDS = 1.0
AWAY_SECONDS = 1.0
STORE_BACKOFF = Backoff(seconds(1, 2, 5, 10, 30, 60), jitter=0.1)
"""While the store is away. After that the job counts as stopped, and is tried again with those that are."""
STOPPED_WAIT = timedelta(seconds=60)
"""When a stopped job is looked at again: the file may be back."""
STOPS = (
    Reason.FILE_CHANGED, Reason.FILE_NOT_FOUND, Reason.FILE_UNREADABLE, Reason.SERVICE_SUSPENDED,
)  # fmt: skip
"""Why a job that was checked may stop nevertheless; other reasons are rarer."""
_ID_BYTES = 16


class JobReader:
    """Reads jobs side by side, a turn of each after the other. Any number of processes may do so at once."""

    def __init__(
        self,
        engine: Engine,
        sink: Sink,
        files: Files,
        *,
        most_open: int = MOST_OPEN,
        slice_seconds: float = SLICE_SECONDS,
    ) -> None:
        self._engine = engine
        self._sink = sink
        self._files = files
        self._most_open = most_open
        self._slice = slice_seconds
        self._open: deque[tuple[float, OpenJob]] = deque()
        self._token = uuid4()
        self._looked_at = 0.0
        self._wanted = Event()
        at_zero(metrics.JOB_ROWS, NotificationType, ["published", "refused"])
        at_zero(metrics.JOBS_STOPPED, STOPS)
        for metric in (metrics.RETRIES, metrics.RETRIES_FAILED):
            at_zero(metric, [STEP])
        at_zero(metrics.PUBLISHED, [lane.persist.name for lane in LANES if lane.origin == "csv"])

    @measured
    def hear(self, batch: Sequence[Received[JobMessage]]) -> Sequence[Outgoing]:
        """The handler of `jobs`: has the database looked at. Raises Malformed for a message that names no job."""
        if any(len(received.message.job_id) != _ID_BYTES for received in batch):
            raise Malformed("the message names no job")
        self._wanted.set()
        return ()

    def run(self, stop: Event) -> None:
        """Reads until told to stop, then puts back what it has. Kafka, PostgreSQL and the store may be away."""
        while not stop.is_set():
            try:
                if not self.go_round(stop):
                    self._wanted.wait(EVERY_SECONDS)
            except Unavailable as error:
                log.warning("waiting", what="jobs", error=str(error))
                stop.wait(AWAY_SECONDS)
        try:
            while self._open:
                self._put_back(self._open[0][1].job)
                self._open.popleft()
        except Unavailable:
            # Their leases run out.
            log.warning("jobs not put back", count=len(self._open))

    def go_round(self, stop: Event) -> bool:
        """Takes jobs that wait, and one turn of each; whether there was any. Raises Unavailable: the turn is done again."""
        self._take()
        for _ in range(len(self._open)):
            if stop.is_set():
                break
            # It stays in front until its turn is done.
            since, job = self._open[0]
            goes_on = self._turn(job)
            self._open.popleft()
            if goes_on:
                self._open.append((since, job))
        return bool(self._open)

    def _take(self) -> None:
        """Claims a job if there is a place, or makes a place once in a while: so none waits behind large ones for long."""
        heard = self._wanted.is_set()
        now = monotonic()
        if not heard and now - self._looked_at < EVERY_SECONDS:
            return
        self._wanted.clear()
        self._looked_at = now
        there = [job.job.id for _, job in self._open]
        with transaction(self._engine) as connection:
            if len(there) >= self._most_open and any_job_waits(connection, but=there):
                since, oldest = min(self._open, key=lambda pair: pair[0])
                if now - since < self._slice:
                    return
                put_job_back(connection, oldest.job)
                self._open.remove((since, oldest))
            claimed = claim_jobs(connection, self._token, self._most_open - len(self._open), but=there)
        for job in claimed:
            self._begin(job)

    def _begin(self, job: ClaimedJob) -> None:
        try:
            opened = self._files.open(job)
        except Rejected as error:
            self._stop(job, error.reason)
        except Unavailable as error:
            self._try_later(job, job.failures, error)
        else:
            log.info("reading a job", job_id=str(job.id), from_row=job.next_row)
            self._open.append((monotonic(), opened))

    def _turn(self, job: OpenJob) -> bool:
        """One turn; whether there are more. Raises Unavailable while Kafka or PostgreSQL is away."""
        rows = job.next_rows
        with transaction(self._engine) as connection:
            refused = refused_rows(connection, job.job.id, rows.start, rows.stop)
        try:
            self._files.service_of(job.job)
            turn = job.turn(refused)
        except Rejected as error:
            self._stop(job.job, error.reason)
            return False
        except Unavailable as error:
            self._try_later(job.job, job.failures, error)
            return False
        return self._hand_over(job, turn)

    def _publish(self, job: ClaimedJob, messages: Sequence[Outgoing]) -> None:
        if traces.active is None:
            self._sink.publish(messages)
            return
        # The key of these messages is the notification's id.
        ids = [message.key for message in messages]
        with traces.active.begun("accept", ids, datetime.now(UTC), {"octavo.job_id": str(job.id)}) as headers:
            self._sink.publish([message._replace(headers=one) for message, one in zip(messages, headers, strict=True)])

    @measured
    def _hand_over(self, job: OpenJob, turn: Turn) -> bool:
        try:
            self._publish(job.job, turn.messages)
        except Rejected as error:
            # A row makes a message that is larger than its queue takes: nothing of the turn was published.
            self._stop(job.job, error.reason)
            return False
        reach(Point.JOB_READER_IN_THE_MIDDLE)
        with transaction(self._engine) as connection:
            goes_on = advance_job(connection, job.job, turn.progress, turn.problems)
            if goes_on and turn.ended:
                finish_job(connection, job.job)
        job.done()
        metrics.JOB_ROWS.labels(job.job.notification_type, "published").inc(len(turn.messages))
        metrics.JOB_ROWS.labels(job.job.notification_type, "refused").inc(len(turn.problems))
        if not goes_on:
            log.info("a job is not ours any more", job_id=str(job.job.id))
            self._put_back(job.job)
        elif turn.ended:
            log.info("read a job", job_id=str(job.job.id), published=turn.progress.published)
        return goes_on and not turn.ended

    def _try_later(self, job: ClaimedJob, failures: int, error: Unavailable) -> None:
        """Puts a job back that can't be read now. Raises Unavailable if that can't be done either."""
        attempt = failures + 1
        wait = STORE_BACKOFF.after(attempt, random())  # noqa: S311 - it spreads load, no more
        if wait is None:
            metrics.RETRIES_FAILED.labels(STEP).inc()
            event = f"RETRY FAILED {STEP} {job.id}"
            log.error(event, job_id=str(job.id), step=STEP, attempts=attempt, reason=error.message)
            self._put_back(job, wait=STOPPED_WAIT, failures=attempt, error=error.reason)
        else:
            metrics.RETRIES.labels(STEP).inc()
            event = f"RETRY {STEP} {job.id}"
            log.warning(event, job_id=str(job.id), step=STEP, attempt=attempt, reason=error.message)
            self._put_back(job, wait=wait, failures=attempt)

    def _stop(self, job: ClaimedJob, reason: Reason) -> None:
        """Stops a job whose file is gone or another one; it is looked at again, in case the file comes back."""
        log.error("a job is stopped", job_id=str(job.id), reason=reason.value)
        metrics.JOBS_STOPPED.labels(reason.value).inc()
        self._put_back(job, wait=STOPPED_WAIT, failures=job.failures, error=reason)

    def _put_back(self, job: ClaimedJob, *, wait: timedelta = timedelta(0), failures: int = 0, error: str = "") -> None:
        with transaction(self._engine) as connection:
            put_job_back(connection, job, wait=wait, failures=failures, error=error)
