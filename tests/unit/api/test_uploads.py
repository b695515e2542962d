"""Uploads that end badly leave nothing behind, whatever was being stored meanwhile."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from octavo.domain.errors import Invalid, LimitExceeded, Reason, Unauthenticated
from octavo.objects import PART_BYTES, ObjectStore
from octavo.v1 import job_service_pb2 as pb
from services.api.jobs import uploads
from services.api.jobs.uploads import Uploads

SERVICE: Any = SimpleNamespace(id=UUID("01890a5d-ac96-774b-bcce-b302099a8057"), suspended=False)


class S3:
    """What it is asked for, in order; the first part takes as long as it is told."""

    def __init__(self):
        self.asked = []
        self.begun = threading.Event()
        self.goes_on = threading.Event()
        self.goes_on.set()

    def create_multipart_upload(self, **_where):
        self.asked.append("create")
        self.begun.set()
        return {"UploadId": "one"}

    def upload_part(self, **_part):
        self.goes_on.wait(30)
        self.asked.append("part")
        return {"ETag": "x"}

    def abort_multipart_upload(self, **_where):
        self.asked.append("abort")

    def complete_multipart_upload(self, **_where):
        self.asked.append("complete")
        return {"ETag": "whole"}

    def put_object(self, **_object):
        self.asked.append("put")
        return {"ETag": "whole"}


class Key:
    """In force for so many looks."""

    def __init__(self, looks=100):
        self.looks = looks

    async def check(self):
        self.looks -= 1
        if self.looks < 0:
            raise Unauthenticated


@pytest.fixture
def s3():
    return S3()


@pytest.fixture
def taking(s3):
    """`taking(chunks, key)` is an upload."""
    with ThreadPoolExecutor(2) as threads:
        made = Uploads(ObjectStore(lambda: s3, "octavo"), threads, lambda: datetime(2026, 1, 1, tzinfo=UTC))

        def take(chunks, key=None):
            in_force: Any = key or Key()
            return made.take(chunks, SERVICE, in_force)

        yield take


async def pieces(*chunks, then=None):
    for chunk in chunks:
        yield pb.UploadCsvRequest(chunk=chunk)
    if then is not None:
        await then


def never():
    return asyncio.get_running_loop().create_future()


async def test_a_file_is_stored_in_parts(taking, s3):
    assert (await taking(pieces(b"x" * (PART_BYTES + 1)))).size == PART_BYTES + 1
    assert s3.asked == ["create", "part", "part", "complete"]


async def test_what_takes_too_long_as_a_whole_is_given_up(taking, s3, monkeypatch):
    monkeypatch.setattr(uploads, "LONGEST_SECONDS", 0.2)
    with pytest.raises(Invalid) as refused:
        await taking(pieces(b"x" * (PART_BYTES + 1), then=never()))
    assert refused.value.reason is Reason.FILE_UNREADABLE
    assert s3.asked == ["create", "part", "abort"]


@pytest.mark.parametrize("chunks", [(b"a",), (b"a", b"", b"")])
async def test_what_stands_still_is_given_up_and_empty_pieces_are_no_progress(taking, monkeypatch, chunks):
    monkeypatch.setattr(uploads, "STILL_SECONDS", 0.2)
    with pytest.raises(Invalid) as refused:
        await taking(pieces(*chunks, then=never()))
    assert refused.value.reason is Reason.FILE_UNREADABLE


async def test_what_is_being_stored_when_the_client_goes_is_stored_first_and_then_forgotten(taking, s3):
    s3.goes_on.clear()
    upload = asyncio.ensure_future(taking(pieces(b"x" * (PART_BYTES + 1), then=never())))
    assert await asyncio.to_thread(s3.begun.wait, 10)
    upload.cancel()
    await asyncio.sleep(0.1)
    assert s3.asked == ["create"]
    s3.goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await upload
    assert s3.asked == ["create", "part", "abort"]


async def test_an_upload_ends_once_its_key_is_revoked(taking, s3):
    with pytest.raises(Unauthenticated):
        await taking(pieces(b"x" * (PART_BYTES + 1), b"y", b"z"), Key(2))
    assert s3.asked == ["create", "part", "abort"]


async def test_a_service_has_so_many_at_a_time_and_again_when_they_ended(taking):
    held = [asyncio.ensure_future(taking(pieces(b"a", then=never()))) for _ in range(uploads.MOST_OF_A_SERVICE)]
    await asyncio.sleep(0)
    with pytest.raises(LimitExceeded) as refused:
        await taking(pieces(b"a"))
    assert (refused.value.reason, refused.value.limit) == (Reason.TOO_MANY_CALLS, uploads.MOST_OF_A_SERVICE)
    for one in held:
        one.cancel()
    await asyncio.gather(*held, return_exceptions=True)
    assert (await taking(pieces(b"a"))).size == 1
