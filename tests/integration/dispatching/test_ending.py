"""How sends end when it is not simple: the last attempt, a provider that hangs, and a process that is told to stop."""

import pytest
from structlog.testing import capture_logs

from tests.integration.dispatching.running import Bench, id_of
from tests.integration.looking import Kafka
from tests.waiting import until


def finished(bench: Bench) -> int:
    """How many records the dispatchers have finished."""
    return sum(Kafka(bench.environment["KAFKA_BOOTSTRAP"]).committed(bench.lane.send.group).values())


def test_the_last_attempt_ends_as_technical_failure_and_is_told_and_none_follows(bench: Bench) -> None:
    bench.providers.behave(fail_share=1)
    with capture_logs() as lines:
        bench.dispatcher(retry_delays="1", retry_jitter=0)
        (message,) = bench.sent()
        until(lambda: bench.row(message).provider is not None)
        # As the due loop does when its time has come.
        bench.ask("UPDATE notifications SET due = true")
        bench.publish([message])
        until(lambda: bench.in_status("technical-failure") == 1)
        until(lambda: finished(bench) == 2)
    told = [line["event"] for line in lines if line["event"].startswith("RETRY")]
    assert told == [f"{word} send_sms_to_provider {id_of(message)}" for word in ("RETRY", "RETRY FAILED")]
    row, calls = bench.row(message), bench.providers.counted("calls")
    assert (row.attempts, row.next_attempt_at, row.unconfirmed_at) == (2, None, None)
    assert row.status_reason.startswith("all attempts used: ")
    bench.publish([message])
    until(lambda: finished(bench) == 3)
    assert bench.providers.counted("calls") == calls


# A call is given up after ten seconds.
@pytest.mark.slow
def test_a_provider_that_takes_and_hangs_delays_nobody_and_leaves_it_unconfirmed(bench: Bench) -> None:
    bench.providers.behave(accept_then_hang_share=1)
    bench.dispatcher()
    (hanging,) = bench.sent()
    until(lambda: bench.providers.counted("in_flight") == 1)
    bench.providers.behave()
    (neighbour,) = bench.sent()
    until(lambda: bench.row(neighbour).status == "sending")
    # Its own call is still under way, and so its record is not finished.
    assert bench.row(hanging).status == "created"
    until(lambda: bench.row(hanging).status == "sending")
    row = bench.row(hanging)
    assert row.unconfirmed_at is not None
    assert row.status_reason.startswith("unconfirmed: ")
    bench.publish([hanging])
    until(lambda: finished(bench) == 3)
    assert bench.providers.accepted([hanging, neighbour]) == {id_of(hanging): 1, id_of(neighbour): 1}


def test_a_drain_waits_for_the_calls_under_way_and_for_their_records(bench: Bench) -> None:
    bench.providers.behave(latency_ms=3000)
    dispatcher = bench.dispatcher()
    messages = bench.sent(20)
    until(lambda: bench.providers.counted("in_flight") == 20)
    dispatcher.drain()
    assert bench.in_status("sending") == 20
    assert bench.ask("SELECT id FROM notifications WHERE unconfirmed_at IS NOT NULL OR claim_token IS NOT NULL") == []
    assert bench.providers.accepted(messages) == dict.fromkeys(map(id_of, messages), 1)
    assert finished(bench) == 20
