"""Repeated calls share one outcome."""

import asyncio
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from octavo.domain.errors import AlreadyExists, Unavailable
from octavo.v1 import notification_service_pb2 as pb
from services.api.sending import repeats as module
from services.api.sending.repeats import Repeats


def call(content: bytes = b"content", body: str = "text", **same: Any) -> Any:
    return SimpleNamespace(
        id=same.get("id", uuid4()), content_hash=content, response=pb.SendSmsResponse(id="1", body=body)
    )


async def test_those_that_come_meanwhile_get_the_same_answer():
    repeats, made = Repeats(), call()
    assert repeats.earlier(made) is None
    repeats.begin(made)
    shared = [repeats.earlier(made) for _ in range(3)]
    repeats.succeed(made)
    assert [await one for one in shared if isinstance(one, asyncio.Future)] == [made.response] * 3
    assert repeats.earlier(made) == made.response


async def test_a_failure_is_shared_and_then_forgotten():
    repeats, made = Repeats(), call()
    repeats.begin(made)
    shared = repeats.earlier(made)
    repeats.fail(made, Unavailable("away"))
    assert isinstance(shared, asyncio.Future)
    with pytest.raises(Unavailable):
        await shared
    assert repeats.earlier(made) is None


async def test_a_client_that_went_away_takes_nobody_with_it():
    repeats, made = Repeats(), call()
    repeats.begin(made)
    shared = repeats.earlier(made)
    repeats.fail(made, asyncio.CancelledError())
    assert isinstance(shared, asyncio.Future)
    with pytest.raises(Unavailable):
        await shared


async def test_another_content_is_refused_while_the_first_is_known():
    repeats, made = Repeats(), call()
    repeats.begin(made)
    with pytest.raises(AlreadyExists):
        repeats.earlier(call(b"other", id=made.id))
    repeats.succeed(made)
    with pytest.raises(AlreadyExists):
        repeats.earlier(call(b"other", id=made.id))


async def test_a_call_that_nobody_can_repeat_leaves_no_trace():
    repeats, made = Repeats(), call()
    repeats.succeed(made)
    repeats.fail(made, Unavailable("away"))
    assert repeats.earlier(made) is None


async def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MOST", 10)
    repeats = Repeats()
    calls = [call() for _ in range(50)]
    for made in calls:
        repeats.earlier(made)
        repeats.begin(made)
        repeats.succeed(made)
    known = [made for made in calls if repeats.earlier(made)]
    assert len(known) <= 10
    assert known == calls[-len(known) :]
    large = call(body="x" * 20_000)
    repeats.begin(large)
    repeats.succeed(large)
    assert repeats.earlier(large) is None
