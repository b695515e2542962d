"""What is told of a job where there is no terminal."""

import io
import time
from dataclasses import replace

import pytest
from rich.console import Console

from octavo_cli.progress import Lines
from octavo_client import Job, JobStatus, NotificationType, Status, StatusCount

WHOLE = Job(
    id="j1",
    service_id="s1",
    template_id="t1",
    template_version=1,
    type=NotificationType.SMS,
    key_type=None,
    status=JobStatus.SENDING,
    file_name="",
    file=None,
    total_rows=2,
    refused_rows=0,
    sent_rows=2,
    counts=(),
    error="",
    send_at=None,
    created_at=None,
    started_at=None,
    finished_at=None,
    problems=(),
    reply_to="",
    sms_sender="",
)


def _delivered(count):
    return replace(WHOLE, counts=(StatusCount(Status.DELIVERED, count),))


@pytest.fixture
def log():
    return io.StringIO()


def _until(log, lines):
    deadline = time.monotonic() + 30
    while log.getvalue().splitlines() != lines:
        assert time.monotonic() < deadline, log.getvalue()
        time.sleep(0.01)


def test_counts_are_told_now_and_then_though_no_further_state_comes(log):
    with Lines(Console(file=log), every=0.05) as lines:
        lines.tell(_delivered(1))
        lines.tell(_delivered(2))
        _until(log, ["sending: 1 delivered", "sending: 2 delivered"])


def test_counts_alone_are_not_told_at_once(log):
    with Lines(Console(file=log)) as lines:
        for count in range(100):
            lines.tell(_delivered(count))
    assert log.getvalue().splitlines() == ["sending"]
