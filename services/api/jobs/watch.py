"""Streams of the states of jobs."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from time import monotonic

from octavo.domain.errors import Reason, Unavailable
from octavo.domain.notification import FINAL
from octavo.storage.columns import STATUS
from octavo.storage.directory import ApiKey, Service
from octavo.v1 import job_service_pb2 as pb
from services.api.inforce import InForce
from services.api.jobs.view import JobView
from services.api.known import Known
from services.api.shares import share_of_streams

EVERY_SECONDS = 0.5
SHARE = 20
"""Looking takes at most this part of the time, so that a large job is looked at less often."""
_FINAL = frozenset(STATUS[status] for status in FINAL)


class JobWatch:
    """The streams of this process, and the part of it that ends them. Used by one event loop."""

    name = "job streams"

    def __init__(self, view: JobView, known: Known, most_streams: int) -> None:
        self._view = view
        self._known = known
        self._streams = share_of_streams(most_streams, "streams of jobs")
        self._draining = asyncio.Event()

    async def start(self) -> None:
        """Has nothing to begin."""

    def unready(self) -> str | None:
        """Never."""
        return None

    async def drain(self) -> None:
        """Ends all streams: their clients go on with another process."""
        self._draining.set()

    async def watch(self, job_id: str, service: Service, key: ApiKey) -> AsyncIterator[pb.Job]:
        """The job as it is now, and then whenever it has changed, until all of it is settled.

        Raises NotFound if the service has no such job, LimitExceeded if it has too many streams, Unauthenticated once the key is
        revoked, Unavailable while the process drains.
        """
        self._streams.begin(service.id)
        try:
            in_force = InForce(self._known, key.id)
            shown: pb.Job | None = None
            while True:
                await in_force.check()
                began = monotonic()
                job = await self._view.get(service, job_id)
                if job != shown:
                    shown = job
                    yield job
                if is_over(job):
                    return
                await self._pause(max(EVERY_SECONDS, SHARE * (monotonic() - began)))
        finally:
            self._streams.end(service.id)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._draining.wait(), seconds)
        except TimeoutError:
            return
        raise Unavailable(
            "this process is stopping, another one answers",
            reason=Reason.SHUTTING_DOWN,
            retry_after=timedelta(milliseconds=200),
        )


def is_over(job: pb.Job) -> bool:
    """Whether nothing more is expected of a job."""
    if job.status == pb.JOB_STATUS_CANCELLED:
        final = sum(line.count for line in job.counts if line.status in _FINAL)
        return final >= max(job.sent_rows, sum(line.count for line in job.counts))
    return bool(job.status == pb.JOB_STATUS_FINISHED)
