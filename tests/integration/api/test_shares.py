"""A service whose calls wait leaves room for the others."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial

from octavo.domain.ids import uuid7
from octavo.v1 import notification_service_pb2 as pb
from tests.integration.api.wire import reason_of, refused
from tests.waiting import until


def test_calls_of_one_service_take_half_of_a_process_at_most(new_tenant, more_processes):
    [process] = more_processes(1, OCTAVO_MOST_CALLS="12")
    greedy, other = new_tenant(), new_tenant()
    greedy.stub = other.stub = process.stub

    def look_up_what_is_not_there():
        # It may arrive yet: the call waits for some seconds.
        return refused(partial(greedy.get, str(uuid7(datetime.now(UTC), os.urandom(10)))))

    with ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(look_up_what_is_not_there) for _ in range(8)]
        until(lambda: sum(one.done() for one in calls) == 2)
        assert other.send().id
        answers = sorted((one.result().code, one.result().reason) for one in calls)
    assert answers == [("NOT_FOUND", "NOT_FOUND")] * 6 + [("RESOURCE_EXHAUSTED", "TOO_MANY_CALLS")] * 2
    assert greedy.send().id


def test_streams_are_among_them(new_tenant, more_processes):
    [process] = more_processes(1, OCTAVO_MOST_CALLS="12")
    greedy, other = new_tenant(), new_tenant()
    greedy.stub = other.stub = process.stub
    streams = [
        greedy.stub.WatchNotifications(pb.WatchNotificationsRequest(), metadata=greedy.metadata, timeout=60)
        for _ in range(6)
    ]
    try:
        until(lambda: reason_of(greedy.send) == "TOO_MANY_CALLS")
        assert other.send().id
    finally:
        for stream in streams:
            stream.cancel()
    until(lambda: reason_of(greedy.send) == "")
