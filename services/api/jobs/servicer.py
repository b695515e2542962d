"""octavo.v1.JobService: each method reads who calls, and leaves the work to what is made for it."""

from collections.abc import AsyncIterator

from octavo.v1 import job_service_pb2 as pb
from services.api.inforce import InForce
from services.api.jobs.cancel import JobCancel
from services.api.jobs.report import JobReport
from services.api.jobs.start import JobStart
from services.api.jobs.uploads import Uploads
from services.api.jobs.view import JobView
from services.api.jobs.watch import JobWatch
from services.api.known import Known
from services.api.serving.caller import current
from services.api.serving.calls import Context


class JobServicer:
    """Takes files and sends their rows, and tells what became of them."""

    def __init__(
        self,
        uploads: Uploads,
        start: JobStart,
        view: JobView,
        watch: JobWatch,
        cancel: JobCancel,
        report: JobReport,
        known: Known,
    ) -> None:
        self._uploads = uploads
        self._start = start
        self._view = view
        self._watch = watch
        self._cancel = cancel
        self._report = report
        self._known = known

    async def UploadCsv(  # noqa: N802 - gRPC's name
        self, chunks: AsyncIterator[pb.UploadCsvRequest], _context: Context
    ) -> pb.UploadCsvResponse:
        """Stores a file."""
        service, key = current().as_service()
        stored = await self._uploads.take(chunks, service, InForce(self._known, key.id))
        return pb.UploadCsvResponse(file=pb.CsvFile(object_key=stored.key, etag=stored.etag, size_bytes=stored.size))

    async def CreateJob(self, request: pb.CreateJobRequest, _context: Context) -> pb.CreateJobResponse:  # noqa: N802
        """Checks a file and starts to send it."""
        service, key = current().as_service()
        made = await self._start.create(request, service, key)
        job = await self._view.get(service, made, problems=True) if isinstance(made, str) else made
        return pb.CreateJobResponse(job=job)

    async def GetJob(self, request: pb.GetJobRequest, _context: Context) -> pb.GetJobResponse:  # noqa: N802
        """Shows one job."""
        service, _ = current().as_service()
        return pb.GetJobResponse(job=await self._view.get(service, request.id, problems=True))

    async def ListJobs(self, request: pb.ListJobsRequest, _context: Context) -> pb.ListJobsResponse:  # noqa: N802
        """Shows a page of jobs."""
        service, _ = current().as_service()
        return await self._view.list(request, service)

    async def WatchJob(  # noqa: N802
        self, request: pb.WatchJobRequest, _context: Context
    ) -> AsyncIterator[pb.WatchJobResponse]:
        """Shows a job whenever it has changed."""
        service, key = current().as_service()
        async for job in self._watch.watch(request.id, service, key):
            yield pb.WatchJobResponse(job=job)

    async def CancelJob(self, request: pb.CancelJobRequest, _context: Context) -> pb.CancelJobResponse:  # noqa: N802
        """Ends a job."""
        service, _ = current().as_service()
        await self._cancel.cancel(request.id, service)
        return pb.CancelJobResponse(job=await self._view.get(service, request.id))

    async def DownloadReport(  # noqa: N802
        self, request: pb.DownloadReportRequest, _context: Context
    ) -> AsyncIterator[pb.DownloadReportResponse]:
        """Writes a report."""
        service, key = current().as_service()
        async for chunk in self._report.write(request.id, service, InForce(self._known, key.id)):
            yield pb.DownloadReportResponse(chunk=chunk)
