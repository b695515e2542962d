"""What has to follow jobs that ended: late rows of cancelled ones, and the files of those whose time is over.

And what has to follow uploads that no job ever named.
"""

from datetime import UTC, datetime, timedelta
from threading import Event
from time import monotonic
from uuid import UUID

import structlog
from sqlalchemy import Engine

from octavo.objects import ObjectStore
from octavo.process import repeat
from octavo.storage.errors import transaction
from octavo.storage.jobqueue import UPLOADS, files_to_erase, named_files, next_service, note_erased
from octavo.storage.jobrows import cancel_job_rows, cancelled_lately
from octavo.storage.oldjobs import forget_jobs, forget_problems
from octavo.telemetry import metrics
from octavo.telemetry.measured import measured
from octavo.telemetry.zero import at_zero

log = structlog.get_logger()

EVERY_SECONDS = 5.0
STILL_ARRIVING = timedelta(minutes=5)
"""How long after its end rows of a cancelled job are looked for, that were on their way."""
FILES_AT_ONCE = 20
SWEPT_FILES = "files of jobs"
SWEPT_JOBS = "old jobs"
OLD_EVERY_SECONDS = 60.0
"""How often it is looked for what is days old."""
UPLOADS_EVERY_SECONDS = 3600.0
UPLOADS_AT_ONCE = 200
SWEPT_UPLOADS = "unused uploads"
_BEFORE_ALL = UUID(int=0)


class JobSweeps:
    """The sweeps of jobs. Any number of processes may run them at once."""

    def __init__(self, engine: Engine, store: ObjectStore, every_seconds: float = EVERY_SECONDS) -> None:
        self._engine = engine
        self._store = store
        self._every = every_seconds
        self._looked_at = -OLD_EVERY_SECONDS
        at_zero(metrics.SWEPT, [SWEPT_FILES, SWEPT_JOBS])

    def run(self, stop: Event) -> None:
        """Goes on until told to stop; PostgreSQL and the store may be away."""
        repeat("job sweeps", self.once, self._every, stop)

    def once(self) -> bool:
        """One round; whether there may be more to do. Raises Unavailable while PostgreSQL or the store is away."""
        self.cancel_late_rows()
        if monotonic() - self._looked_at < OLD_EVERY_SECONDS:
            return False
        more = self.forget_old() or self.erase_files() == FILES_AT_ONCE
        if not more:
            self._looked_at = monotonic()
        return more

    @measured
    def cancel_late_rows(self) -> None:
        """Cancels what arrived since a job was cancelled, or what its cancelling call left undone."""
        with transaction(self._engine) as connection:
            jobs = cancelled_lately(connection, STILL_ARRIVING)
        for job_id in jobs:
            after: int | None = 0
            while after is not None:
                with transaction(self._engine) as connection:
                    after = cancel_job_rows(connection, job_id, after)

    @measured
    def forget_old(self) -> bool:
        """Deletes some jobs that ended when no row of theirs is left; whether there were any."""
        with transaction(self._engine) as connection:
            problems = forget_problems(connection)
        with transaction(self._engine) as connection:
            jobs = forget_jobs(connection)
        if jobs:
            metrics.SWEPT.labels(SWEPT_JOBS).inc(jobs)
            log.info("old jobs forgotten", count=jobs)
        return problems + jobs > 0

    @measured
    def erase_files(self) -> int:
        """Erases uploaded files whose jobs ended so long ago that the service's retention is over; how many."""
        with transaction(self._engine) as connection:
            keys = files_to_erase(connection, FILES_AT_ONCE)
        for key in keys:
            self._store.delete(key)
        if keys:
            with transaction(self._engine) as connection:
                note_erased(connection, keys)
            metrics.SWEPT.labels(SWEPT_FILES).inc(len(keys))
            log.info("files erased", count=len(keys))
        return len(keys)


class UploadSweep:
    """Erases uploaded files that no job named in time. Any number of processes may run it at once.

    What a job names is never touched, however old: JobSweeps erases that after the job's end. A job made of such a file in the
    moment of its end stops, and says that its file is gone.
    """

    def __init__(
        self, engine: Engine, store: ObjectStore, unused_after: timedelta, at_once: int = UPLOADS_AT_ONCE
    ) -> None:
        self._engine = engine
        self._store = store
        self._unused_after = unused_after
        self._at_once = at_once
        self._done = _BEFORE_ALL
        self._after = ""
        at_zero(metrics.SWEPT, [SWEPT_UPLOADS])

    def run(self, stop: Event) -> None:
        """Goes on until told to stop; PostgreSQL and the store may be away."""
        repeat("upload sweep", self.once, UPLOADS_EVERY_SECONDS, stop)

    def once(self) -> bool:
        """Looks at a page of one service's uploads; False once all have been looked at, and it begins anew.

        Raises Unavailable while PostgreSQL or the store is away.
        """
        with transaction(self._engine) as connection:
            service_id = next_service(connection, self._done)
        if service_id is None:
            self._done, self._after = _BEFORE_ALL, ""
            return False
        page = self._store.listed(f"{service_id}{UPLOADS}", self._after, self._at_once)
        oldest = datetime.now(UTC) - self._unused_after
        self.erase_unnamed(service_id, [key for key, stored_at in page if stored_at < oldest])
        if len(page) < self._at_once:
            self._done, self._after = service_id, ""
        else:
            self._after = page[-1][0]
        return True

    @measured
    def erase_unnamed(self, service_id: UUID, keys: list[str]) -> None:
        """Erases those of the files that no job of the service names."""
        if not keys:
            return
        with transaction(self._engine) as connection:
            named = named_files(connection, service_id, keys)
        unnamed = [key for key in keys if key not in named]
        for key in unnamed:
            self._store.delete(key)
        if unnamed:
            metrics.SWEPT.labels(SWEPT_UPLOADS).inc(len(unnamed))
            log.info("unused uploads erased", service_id=str(service_id), count=len(unnamed))
