"""Calls that send one message for each row of a CSV file, and follow them."""

import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import grpc

from octavo.v1 import job_service_pb2 as pb
from octavo.v1 import job_service_pb2_grpc as pb_grpc
from octavo_client.call import Caller, Patience
from octavo_client.details import of_call
from octavo_client.job_values import CsvFile, Job
from octavo_client.paging import Items, paged
from octavo_client.reading import read, timestamp
from octavo_client.request_id import new_request_id
from octavo_client.watching import resuming

_CHUNK_BYTES = 256 * 1024
# A file of a hundred thousand rows takes a while to carry, and to check.
_LARGE = Patience(deadline=600, attempt=200, attempts=5)


class Jobs:
    """JobService. Every method raises OctavoError."""

    def __init__(self, caller: Caller, patience: Patience = _LARGE) -> None:
        self._caller = caller
        self._patience = patience
        self._stub = pb_grpc.JobServiceStub(caller.channel)

    def send(
        self,
        path: str | Path,
        template_id: str,
        *,
        send_at: datetime | None = None,
        reply_to: str = "",
        sms_sender: str = "",
        request_id: str = "",
        on_uploaded: Callable[[int], None] | None = None,
    ) -> Job:
        """Uploads a file and sends it: `upload` and `create` in one. Raises OSError if the file can't be read."""
        path = Path(path)
        stored = self.upload(path, on_uploaded)
        return self.create(
            template_id,
            stored,
            file_name=path.name,
            send_at=send_at,
            reply_to=reply_to,
            sms_sender=sms_sender,
            request_id=request_id,
        )

    def upload(self, path: str | Path, on_uploaded: Callable[[int], None] | None = None) -> CsvFile:
        """Stores a file; `on_uploaded` hears, on another thread, how many bytes have gone. Raises OSError if it can't be read."""
        path = Path(path)

        def attempt(_: None, **how: Any) -> Any:
            # gRPC reads it on a thread of its own: what can't be read is told here.
            with path.open("rb"):
                pass
            return self._stub.UploadCsv(_chunks(path, on_uploaded or (lambda _: None)), **how)

        return read(CsvFile, self._caller(attempt, None, patience=self._patience).file)

    def create(
        self,
        template_id: str,
        file: CsvFile | str,
        *,
        file_name: str = "",
        send_at: datetime | None = None,
        reply_to: str = "",
        sms_sender: str = "",
        request_id: str = "",
    ) -> Job:
        """Checks a stored file (a CsvFile, or the key of an object) and starts to send it; once, however often it is repeated.

        A file that can't be sent at all raises; rows that can't be are told in `problems`, and the others are sent.
        """
        request = _create(template_id, file, file_name, send_at, reply_to, sms_sender)
        request.request_id = request_id or new_request_id()
        return read(Job, self._caller(self._stub.CreateJob, request, patience=self._patience).job)

    def check(
        self, template_id: str, file: CsvFile | str, *, file_name: str = "", reply_to: str = "", sms_sender: str = ""
    ) -> Job:
        """What `create` would answer; nothing is charged, stored or sent, and the job has no id."""
        request = _create(template_id, file, file_name, None, reply_to, sms_sender)
        request.validate_only = True
        return read(Job, self._caller(self._stub.CreateJob, request, patience=self._patience).job)

    def get(self, job_id: str) -> Job:
        """One job, with its counts and first problems."""
        return read(Job, self._caller(self._stub.GetJob, pb.GetJobRequest(id=job_id)).job)

    def list(self, *, page_size: int = 0, page_token: str = "") -> Items[Job]:
        """All jobs, newest first, with their counts."""
        request = pb.ListJobsRequest(page_size=page_size)
        return paged(self._caller, self._stub.ListJobs, request, "jobs", Job, page_token=page_token)

    def watch(
        self, job_id: str, *, give_up_after: timedelta = timedelta(minutes=1), timeout: timedelta | None = None
    ) -> Iterator[Job]:
        """The states of a job: the present one, then each change, until all of its messages are settled.

        It goes on by itself after an interruption of less than `give_up_after`. Raises DeadlineExceeded when `timeout` is over.
        """
        states = resuming(
            self._caller,
            self._stub.WatchJob,
            lambda _: pb.WatchJobRequest(id=job_id),
            # Every stream begins with the present state.
            token_of=lambda _: "",
            endless=False,
            give_up_after=give_up_after,
            timeout=timeout,
        )
        for message in states:
            yield read(Job, message.job)

    def cancel(self, job_id: str) -> Job:
        """Ends a job: no further row is read, and the messages that no worker has taken are cancelled."""
        return read(Job, self._caller(self._stub.CancelJob, pb.CancelJobRequest(id=job_id)).job)

    def report(self, job_id: str) -> Iterator[bytes]:
        """The report, piece by piece: CSV with a row for each of the file's. It is not gone on with after an interruption."""
        stream = self._caller.stream(
            self._stub.DownloadReport, pb.DownloadReportRequest(id=job_id), timeout=self._patience.attempt
        )
        try:
            for message in stream:
                yield message.chunk
        except grpc.RpcError as failure:
            raise of_call(failure) from None
        finally:
            stream.cancel()

    def save_report(self, job_id: str, path: Path) -> None:
        """Writes the report to a file, which is there as a whole or not at all. Raises OSError if it can't be written."""
        partial = path.with_name(f".{path.name}.{os.getpid()}.part")

        def attempt(request: Any, **how: Any) -> None:
            stream = self._stub.DownloadReport(request, **how)
            try:
                with partial.open("wb") as file:
                    file.writelines(message.chunk for message in stream)
            finally:
                # Also when the disk is full: the server need not go on.
                stream.cancel()

        try:
            self._caller(attempt, pb.DownloadReportRequest(id=job_id), patience=self._patience)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def _create(
    template_id: str, file: CsvFile | str, file_name: str, send_at: datetime | None, reply_to: str, sms_sender: str
) -> pb.CreateJobRequest:
    return pb.CreateJobRequest(
        template_id=template_id,
        object_key=file.object_key if isinstance(file, CsvFile) else file,
        etag=file.etag if isinstance(file, CsvFile) else "",
        file_name=file_name,
        send_at=timestamp(send_at),
        reply_to=reply_to,
        sms_sender=sms_sender,
    )


def _chunks(path: Path, on_uploaded: Callable[[int], None]) -> Iterator[pb.UploadCsvRequest]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield pb.UploadCsvRequest(chunk=chunk)
            on_uploaded(file.tell())
