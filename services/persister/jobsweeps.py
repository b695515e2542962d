"""What has to follow jobs that ended: late rows of cancelled ones, and the files of those whose time is over."""

from datetime import timedelta
from threading import Event

import structlog
from sqlalchemy import Engine

from octavo.objects import ObjectStore
from octavo.process import repeat
from octavo.storage.errors import transaction
from octavo.storage.jobqueue import files_to_erase, note_erased
from octavo.storage.jobrows import cancel_job_rows, cancelled_lately
from octavo.telemetry import metrics
from octavo.telemetry.measured import measured
from octavo.telemetry.zero import at_zero

log = structlog.get_logger()

EVERY_SECONDS = 5.0
STILL_ARRIVING = timedelta(minutes=5)
"""How long after its end rows of a cancelled job are looked for, that were on their way."""
FILES_AT_ONCE = 20
SWEPT_FILES = "files of jobs"


class JobSweeps:
    """The sweeps of jobs. Any number of processes may run them at once."""

    def __init__(self, engine: Engine, store: ObjectStore, every_seconds: float = EVERY_SECONDS) -> None:
        self._engine = engine
        self._store = store
        self._every = every_seconds
        at_zero(metrics.SWEPT, [SWEPT_FILES])

    def run(self, stop: Event) -> None:
        """Goes on until told to stop; PostgreSQL and the store may be away."""
        repeat("job sweeps", self.once, self._every, stop)

    def once(self) -> bool:
        """One round; whether there may be more files. Raises Unavailable while PostgreSQL or the store is away."""
        self.cancel_late_rows()
        return self.erase_files() == FILES_AT_ONCE

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
