"""Events as a StatsD server receives them: over a real UDP socket."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import grpc
import pytest

from deploy.local import environment
from deploy.local.instance import ROOT, Instance
from octavo.telemetry import statsd
from octavo.telemetry.measured import measured
from octavo.telemetry.requests import Requests
from octavo.telemetry.retries import retries_failed
from octavo.v1.notification_service_pb2 import SendSmsRequest
from octavo.v1.notification_service_pb2_grpc import NotificationServiceStub
from tests.integration.telemetry.conftest import free_ports, start

SECONDS = 60


class Server:
    """A StatsD server that keeps the lines as they come."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self.address = "{}:{}".format(*self._socket.getsockname())
        self.lines: list[str] = []

    def has(self, *wanted: str) -> list[str]:
        """Waits for lines that begin so, and returns all that begin like the first."""
        deadline = time.monotonic() + SECONDS
        while not all(any(line.startswith(one) for line in self.lines) for one in wanted):
            assert time.monotonic() < deadline, self.lines
            try:
                self.lines += self._socket.recv(65_536).decode().splitlines()
            except TimeoutError:
                continue
        return [line for line in self.lines if line.startswith(wanted[0])]

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def server():
    made = Server()
    yield made
    made.close()


@pytest.fixture
def exporting(server):
    statsd.start(server.address)
    yield server
    statsd.stop()


@measured
def divide(a, b):
    return a / b


def test_a_task_is_counted_and_timed_under_its_name(exporting):
    divide(4, 2)
    name = "notifications.test_statsd.divide"
    count = exporting.has(f"{name}:1|c", f"{name}:")
    assert count == [f"{name}:1|c"]
    [timer] = [line for line in exporting.has(f"{name}:") if line.endswith("|ms")]
    assert 0 <= float(timer.removeprefix(f"{name}:").removesuffix("|ms")) < 1000


def test_a_task_that_fails_is_counted_as_an_error_too(exporting):
    with pytest.raises(ZeroDivisionError):
        divide(1, 0)
    assert exporting.has("notifications.test_statsd.divide.error") == ["notifications.test_statsd.divide.error:1|c"]


def test_a_call_has_the_name_that_dashboards_look_for(exporting):
    function = "NotificationServicer.send_notification"
    requests = Requests("s", "m", "API", module="services.api.notifications", function=function)
    requests.handled("OK", 0.0125)
    name = "notifications.api.POST.notifications.send_notification.200"
    assert exporting.has(f"{name}:1|", f"{name}:12.5") == [f"{name}:1|c"]
    assert f"{name}:12.5|ms" in exporting.lines


def test_retries_that_are_used_up_are_counted(exporting):
    from uuid import uuid4

    retries_failed("persist_sms", uuid4(), attempts=3, reason="made up")
    assert exporting.has("notifications.retry_failed") == ["notifications.retry_failed.persist_sms:1|c"]


def test_a_server_that_is_away_harms_nobody():
    statsd.start("nowhere.invalid:8125")
    try:
        for _ in range(1_000):
            assert divide(4, 2) == 2
    finally:
        statsd.stop()


def test_without_a_server_the_client_is_not_loaded():
    program = "import sys, octavo.process, octavo.telemetry.statsd; sys.exit('datadog' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def test_a_process_sends_its_calls_to_the_server_it_is_told_of(server, tmp_path, monkeypatch):
    monkeypatch.setenv("OCTAVO_STATSD_ADDRESS", server.address)
    instance = Instance(tmp_path)
    instance.prepare()
    ports = free_ports(environment.PORTS)
    process = start("api", instance, ports)
    try:
        with grpc.insecure_channel(f"127.0.0.1:{ports['api']}") as channel:
            with pytest.raises(grpc.RpcError) as refused:
                NotificationServiceStub(channel).SendSms(SendSmsRequest(), timeout=SECONDS, wait_for_ready=True)
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED, (instance.logs / "api.log").read_text()
        name = "notifications.nobody.POST.notifications.SendSms.401"
        assert server.has(f"{name}:1|c", name) == [f"{name}:1|c"]
    finally:
        process.terminate()
        assert process.wait(timeout=60) == 0


@pytest.mark.asked("S9")
def test_the_page_names_what_is_sent():
    page = (Path(ROOT) / "docs/operations/statsd.md").read_text()
    for code, status in statsd.HTTP_STATUS.items():
        if code in page:
            assert str(status) in page
    name = statsd.request_name("API", "services.api.notifications", "NotificationServicer.SendSms", "OK")
    for one in (name, "retry.send_sms_to_provider", "retry_failed.persist_email", "callbacks.mmg.delivered"):
        assert f"`notifications.{one}`" in page
