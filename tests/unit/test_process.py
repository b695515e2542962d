import asyncio
import os
import signal
import threading
import tomllib
from pathlib import Path

import pytest

from octavo.loading import Misconfigured
from octavo.process import ThreadPart, _until_stopped
from octavo.version import VERSION

ROOT = Path(__file__).parents[2]


async def test_a_part_that_fails_ends_the_process_with_status_1():
    def broken(_stop):
        raise RuntimeError("broken")

    part = ThreadPart("broken", broken)
    await part.start()
    assert await asyncio.wait_for(_until_stopped(asyncio.Event(), [part]), 10) == 1
    assert part.unready() == "has ended"


async def test_a_part_that_finds_the_process_misconfigured_explains_the_failure_of_others(capsys):
    known = threading.Event()

    def wrong(_stop):
        known.wait(10)
        raise Misconfigured(["the schema is none"])

    def broken(_stop):
        raise RuntimeError("no such table")

    parts = [ThreadPart("surroundings", wrong, lambda: "not known yet"), ThreadPart("broken", broken)]
    for part in parts:
        await part.start()
    asyncio.get_running_loop().call_later(0.2, known.set)
    assert await asyncio.wait_for(_until_stopped(asyncio.Event(), parts), 10) == 78
    assert "the schema is none" in capsys.readouterr().err


async def test_draining_tells_the_loop_to_stop_and_waits_for_it():
    ended = threading.Event()

    def loop(stop):
        stop.wait(10)
        ended.set()

    part = ThreadPart("loop", loop)
    await part.start()
    assert part.unready() is None
    await part.drain()
    assert ended.is_set()


def test_a_part_that_fails_when_all_has_ended_already_says_no_more():
    begun, ended = threading.Event(), threading.Event()

    def broken(_stop):
        begun.set()
        ended.wait(10)
        raise RuntimeError("broken")

    part = ThreadPart("broken", broken)
    asyncio.run(part.start())
    assert begun.wait(10)
    ended.set()
    part._thread.join(10)
    assert not part._thread.is_alive()


def test_a_faultpoint_ends_the_process_as_killed_at_the_pass_that_it_was_armed_for(tmp_path):
    from octavo import faultpoint

    passed = tmp_path / "passed"
    child = os.fork()
    if child == 0:
        faultpoint.arm("persister.after-commit:2")
        faultpoint.reach(faultpoint.Point.PERSISTER_BEFORE_INSERT)
        faultpoint.reach(faultpoint.Point.PERSISTER_AFTER_COMMIT)
        passed.write_text("once")
        faultpoint.reach(faultpoint.Point.PERSISTER_AFTER_COMMIT)
        passed.write_text("twice")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert passed.read_text() == "once"


def test_a_faultpoint_that_does_not_exist_is_refused():
    from octavo import faultpoint

    with pytest.raises(ValueError, match="nowhere"):
        faultpoint.arm("nowhere")


def test_the_version_is_that_of_the_package():
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert package["version"] == VERSION
