"""Dispatchers at work: what is sent how often, and what is written about it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from octavo.topics import Lane
from tests.integration.dispatching.conftest import API_EMAIL, API_SMS, CSV_SMS
from tests.integration.dispatching.running import Bench, id_of
from tests.integration.looking import Kafka
from tests.waiting import until


@pytest.mark.asked("S1", "S2", "C3")
@pytest.mark.parametrize("like", [API_SMS, CSV_SMS], ids=lambda lane: lane.send.name)
def test_what_is_on_the_topic_is_sent_once_and_is_sending_with_the_providers_reference(
    new_bench: Callable[[Lane], Bench], like: Lane
) -> None:
    bench = new_bench(like)
    bench.dispatcher()
    (message,) = bench.sent()
    until(lambda: bench.in_status("sending") == 1)
    row, line = bench.row(message), bench.providers.line(message)
    assert (row.provider, row.provider_reference) == (line["provider"], line["provider_id"])
    assert (row.attempts, row.claim_token, row.unconfirmed_at, row.next_attempt_at) == (1, None, None, None)
    assert row.created_at <= row.sent_at <= datetime.now(UTC)


@pytest.mark.asked("S12")
def test_an_email_goes_out_with_the_reply_to_address_of_its_service(
    new_bench: Callable[[Lane], Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = new_bench(API_EMAIL)
    for name, value in bench.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    bench.dispatcher()
    (message,) = bench.sent(recipient="ann@example.com")
    until(lambda: bench.in_status("sending") == 1)
    assert bench.providers.line(message)["reply_to"] == ["replies@octavo.example"]


def test_redelivered_records_are_sent_once(bench: Bench) -> None:
    messages = bench.persisted(20)
    for _ in range(3):
        bench.publish(messages)
    bench.dispatcher()
    until(lambda: bench.in_status("sending") == 20)
    bench.publish(messages)
    kafka = Kafka(bench.environment["KAFKA_BOOTSTRAP"])
    until(lambda: sum(kafka.committed(bench.lane.send.group).values()) == 80)
    assert bench.providers.accepted(messages) == dict.fromkeys(map(id_of, messages), 1)


def test_two_dispatchers_send_each_once_though_both_see_it(new_bench: Callable[..., Bench]) -> None:
    bench = new_bench(API_SMS, partitions=4)
    bench.dispatcher()
    bench.dispatcher()
    messages = bench.persisted(100)
    # The same notifications on other partitions, too: under other keys.
    bench.publish(messages)
    bench.publish(messages[::-1])
    until(lambda: bench.in_status("sending") == 100)
    kafka = Kafka(bench.environment["KAFKA_BOOTSTRAP"])
    until(lambda: sum(kafka.committed(bench.lane.send.group).values()) == 200)
    assert bench.providers.accepted(messages) == dict.fromkeys(map(id_of, messages), 1)


@pytest.mark.asked("S17")
def test_a_refusal_for_now_makes_the_row_due_again_after_the_first_delay(bench: Bench) -> None:
    bench.providers.behave(fail_share=1)
    bench.dispatcher()
    (message,) = bench.sent()
    until(lambda: bench.row(message).provider is not None)
    row = bench.row(message)
    assert (row.status, row.attempts, row.due, row.claim_token) == ("created", 1, False, None)
    assert timedelta(seconds=0) < row.next_attempt_at - datetime.now(UTC) <= timedelta(seconds=11)
    # It was offered to both, since it was certainly not sent.
    assert bench.providers.counted("calls") == 2
    # Until it is due, its record alone sends nothing.
    bench.publish([message])
    kafka = Kafka(bench.environment["KAFKA_BOOTSTRAP"])
    until(lambda: sum(kafka.committed(bench.lane.send.group).values()) == 2)
    assert bench.providers.counted("calls") == 2


def test_the_wait_that_the_provider_asks_for_is_kept(bench: Bench) -> None:
    bench.providers.behave(fail_share=1, fail_status=429, retry_after=120)
    bench.dispatcher()
    (message,) = bench.sent()
    until(lambda: bench.row(message).provider is not None)
    wait = bench.row(message).next_attempt_at - datetime.now(UTC)
    assert timedelta(seconds=90) < wait <= timedelta(seconds=120)
