"""The report of a job, page by page, for as long as its key is in force."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from octavo.domain.errors import Unauthenticated
from services.api.jobs.report import JobReport

JOB = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


class Endless:
    """A database with pages without an end."""

    def __init__(self):
        self.read = 0

    async def run(self, read):
        self.read += 1
        read.__self__.more = True
        return b"a page\n"


class RevokedAt:
    """A key that is in force for so many looks."""

    def __init__(self, looks):
        self.looks = looks

    async def check(self):
        if not self.looks:
            raise Unauthenticated
        self.looks -= 1


async def test_no_page_is_read_once_the_key_is_revoked():
    pages: Any = Endless()
    anything: Any = SimpleNamespace(id=JOB)
    key: Any = RevokedAt(3)
    pieces = JobReport(pages, anything).write(str(JOB), anything, key)
    assert b"recipient" in await anext(pieces)
    assert [await anext(pieces) for _ in range(3)] == [b"a page\n"] * 3
    with pytest.raises(Unauthenticated):
        await anext(pieces)
    assert pages.read == 3
