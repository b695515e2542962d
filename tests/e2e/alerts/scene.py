"""The running stack as operators have it before them: what is sent, what Prometheus says of it, what they can do."""

import subprocess
import sys
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from math import ceil

import grpc

from deploy.local.demo.account import UNSETTLED
from deploy.local.instance import ROOT
from deploy.local.stack import Stack
from octavo.v1 import notification_pb2 as common
from octavo.v1 import notification_service_pb2 as pb
from tests.e2e.alerts.workers import Workers
from tests.e2e.callers import Service
from tests.e2e.test_prometheus import Prometheus
from tests.waiting import until

SETTLED_SECONDS = 60
FEW = 5
"""How many are sent at a time, where more would not help."""
NOBODYS = "018f0000-0000-7000-8000-000000000000"
"""An id that no notification has."""


@dataclass(frozen=True)
class Scene:
    """One trial's."""

    stack: Stack
    known: Mapping[str, str]
    workers: Workers
    prometheus: Prometheus
    service: Service
    afterwards: ExitStack
    """What is to be undone once the trial is over, and not by its remedy."""

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        alerts = self.prometheus.get("alerts")["alerts"]
        return {one["labels"]["alertname"] for one in alerts if one["state"] == "firing"}

    def fired(self, seconds: float) -> set[str]:
        """Those that fire or have fired within so many seconds: some faults are told of once in a while."""
        history = f'count by (alertname) (count_over_time(ALERTS{{alertstate="firing"}}[{ceil(seconds)}s]))'
        return {one["metric"]["alertname"] for one in self.prometheus.result(history)}

    def send(self, count: int, *, then_look_up: bool = False) -> list[str]:
        """Sends texts, whatever comes of it: the ids of what was accepted. Each is looked up afterwards, if that is asked for."""

        def one(_number: int) -> str | None:
            accepted = None
            with suppress(grpc.RpcError):
                accepted = self.service.send(self.service.sms())
            if then_look_up:
                with suppress(grpc.RpcError):
                    self.service.get(accepted or NOBODYS)
            return accepted

        with ThreadPoolExecutor(8) as threads:
            return [accepted for accepted in threads.map(one, range(count)) if accepted]

    def send_batch(self, count: int) -> list[str]:
        """As many in one call, all of which are accepted."""
        items = [pb.BatchItem(sms=self.service.sms()) for _ in range(count)]
        answer = self.service.call("SendBatch", pb.SendBatchRequest(items=items))
        assert [one for one in answer.results if one.HasField("error")] == []
        return [one.sms.id for one in answer.results]

    def found(self, one: str) -> common.Notification | None:
        """What is known of it; None until its row is there, which comes when the persister has caught up."""
        try:
            return self.service.get(one)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            return None

    def settled(self, ids: Collection[str]) -> list[common.Notification]:
        """Waits until all of these have their rows, and no more is to happen to them."""
        return [self._settled(one) for one in ids]

    def _settled(self, one: str) -> common.Notification:
        def settled() -> common.Notification | None:
            notification = self.found(one)
            return notification if notification and notification.status not in UNSETTLED else None

        notification = until(settled, SETTLED_SECONDS, why=f"that {one} is settled")
        assert notification
        return notification

    def restart(self, program: str, **more: str) -> None:
        """Starts a program of the stack anew, with these variables beside its own."""
        self.stack.stop_program(program)
        self.stack.start_program(program, more=more)

    def command(self, *module: str) -> str:
        """Runs one of Octavo's commands to its end, which is a good one, and returns what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", *module],
            cwd=ROOT,
            env=self.stack.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
