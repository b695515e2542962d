"""The store of CSV files: S3, or what speaks its protocol. The only module that calls boto3 for it.

Objects are read in blocks, each on the condition that the object is still the one that was meant: whoever reads slowly, or goes
on after a pause, holds no connection and never gets half of one file and half of another.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import structlog
from pydantic import Field

from octavo.config import Settings
from octavo.domain.errors import FailedPrecondition, NotFound, Reason, Unavailable
from octavo.telemetry.measured import measured

log = structlog.get_logger()

BLOCK_BYTES = 1024 * 1024
"""How much is read at once: all that a reader holds of a file."""
PART_BYTES = 8 * 1024 * 1024
"""How much of an upload is sent at once. S3 wants at least 5 MiB in each part but the last."""

# S3 answers 403 for what is not there to those who may not list the bucket.
_GONE = frozenset({"403", "404", "AccessDenied", "NoSuchKey", "NoSuchVersion", "NotFound"})
_CHANGED = frozenset({"412", "416", "InvalidRange", "PreconditionFailed"})


class StoreSettings(Settings):
    """The store of CSV files."""

    s3_endpoint_url: str = Field(default="", description="S3 that is not Amazon's: its URL.")
    s3_bucket: str = Field(min_length=3, description="Bucket of CSV files.")
    aws_region: str = Field(
        pattern=r"^[a-z]{2}(-[a-z]+)+-\d{1,2}$", description="Region of SES, SNS and S3, as eu-west-1."
    )


@dataclass(frozen=True, slots=True)
class Stored:
    """An object with one certain content."""

    key: str
    etag: str
    size: int


class Upload:
    """An object that is being stored in parts. Nothing of it is there before it is finished."""

    def __init__(self, store: "ObjectStore", bucket: str, key: str) -> None:
        self._store = store
        self._place = {"Bucket": bucket, "Key": key}
        self._id: str | None = None
        self._parts: list[dict[str, Any]] = []
        self._size = 0
        self._finished = False

    def add(self, part: bytes) -> None:
        """Stores a part of PART_BYTES that is not the last. Raises Unavailable."""
        with _translated():
            if self._id is None:
                self._id = self._store.client.create_multipart_upload(**self._place)["UploadId"]
            number = len(self._parts) + 1
            done = self._store.client.upload_part(**self._place, UploadId=self._id, PartNumber=number, Body=part)
            self._parts.append({"PartNumber": number, "ETag": done["ETag"]})
            self._size += len(part)

    def finish(self, last: bytes) -> Stored:
        """Stores the last part; then the object is there. Raises Unavailable."""
        with _translated():
            if self._id is None:
                done = self._store.client.put_object(**self._place, Body=last)
                self._size = len(last)
            else:
                if last:
                    self.add(last)
                done = self._store.client.complete_multipart_upload(
                    **self._place, UploadId=self._id, MultipartUpload={"Parts": self._parts}
                )
                self._id = None
        self._finished = True
        return Stored(self._place["Key"], _bare(done["ETag"]), self._size)

    def abandon(self) -> None:
        """Forgets what was stored so far, finished or not. Raises Unavailable: then a rule of the bucket's life cycle has to."""
        if self._finished:
            self._store.delete(self._place["Key"])
        elif self._id is not None:
            with _translated():
                self._store.client.abort_multipart_upload(**self._place, UploadId=self._id)
            self._id = None


class ObjectStore:
    """A bucket. Safe for threads; every call waits for the store.

    Its client is made when it is first needed: it takes 0.4 s of a core and 23 MB, and many a process never
    sees a job. Each call raises Unavailable if the store does not answer, and NotFound if there is no such object.
    """

    def __init__(self, connect: Callable[[], Any], bucket: str) -> None:
        self._connect = connect
        self._bucket = bucket

    @cached_property
    def client(self) -> Any:
        """Of boto3. Made at the first use, by the thread that waits for the store anyway."""
        return self._connect()

    @measured
    def find(self, key: str) -> Stored:
        """The object as it is now."""
        with _translated():
            found = self.client.head_object(Bucket=self._bucket, Key=key)
            return Stored(key, _bare(found["ETag"]), int(found["ContentLength"]))

    def upload(self, key: str) -> Upload:
        """Begins to store an object."""
        return Upload(self, self._bucket, key)

    def read(self, stored: Stored, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
        """The content, block by block. Raises FailedPrecondition with FILE_CHANGED once the object is another one."""
        for start in range(0, stored.size, block_bytes):
            yield self._block(stored, start, min(start + block_bytes, stored.size))

    @measured
    def _block(self, stored: Stored, start: int, end: int) -> bytes:
        with _translated():
            got = self.client.get_object(
                Bucket=self._bucket, Key=stored.key, IfMatch=f'"{stored.etag}"', Range=f"bytes={start}-{end - 1}"
            )
            block: bytes = got["Body"].read()
        if len(block) != end - start:
            raise _changed()
        return block

    @measured
    def delete(self, key: str) -> None:
        """Removes an object; harmless if it is gone."""
        with _translated():
            self.client.delete_object(Bucket=self._bucket, Key=key)

    @measured
    def listed(self, prefix: str, after: str, at_most: int) -> list[tuple[str, datetime]]:
        """Keys with this prefix beyond `after`, in their order, each with the time when it was stored; none if none is left."""
        try:
            with _translated():
                found = self.client.list_objects_v2(
                    Bucket=self._bucket, Prefix=prefix, StartAfter=after, MaxKeys=at_most
                )
        except NotFound:
            raise Unavailable("the bucket may not be listed", reason=Reason.STORE_UNAVAILABLE) from None
        return [(entry["Key"], entry["LastModified"]) for entry in found.get("Contents", ())]


def object_store(settings: StoreSettings) -> ObjectStore:
    """The bucket that the settings name."""

    def connect() -> Any:
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            region_name=settings.aws_region,
            endpoint_url=settings.s3_endpoint_url or None,
            # Whoever calls tries again by itself, and says so.
            config=Config(connect_timeout=3, read_timeout=15, retries={"total_max_attempts": 2, "mode": "standard"}),
        )

    return ObjectStore(connect, settings.s3_bucket)


@contextmanager
def _translated() -> Iterator[None]:
    """The store's errors, translated once. Their texts can hold keys and addresses: only their kinds go on."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _GONE:
            raise NotFound("file", field="object_key", reason=Reason.FILE_NOT_FOUND) from None
        if code in _CHANGED:
            raise _changed() from None
        raise _unavailable(f"the store refuses: {code or 'no reason'}") from None
    except BotoCoreError as error:
        raise _unavailable(f"the store is away: {type(error).__name__}") from None


def _unavailable(why: str) -> Unavailable:
    """The error, which callers hear of; operators do here: a wrong bucket or wrong credentials are theirs to mend."""
    log.warning("files can't be stored or read", error=why)
    return Unavailable(why, reason=Reason.STORE_UNAVAILABLE)


def _changed() -> FailedPrecondition:
    return FailedPrecondition(Reason.FILE_CHANGED, "the file was replaced after it was named", field="object_key")


def _bare(etag: str) -> str:
    return etag.strip('"')
