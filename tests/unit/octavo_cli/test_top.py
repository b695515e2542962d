"""`octavo top` from recorded metrics: what two answers of each process come to, and how it looks."""

from collections.abc import Mapping

import pytest
from rich.console import Console
from typer.testing import CliRunner

from octavo_cli import scraping
from octavo_cli.app import app
from octavo_cli.failures import Exit
from octavo_cli.scraping import Change, Reading, parsed
from octavo_cli.screen import screen

API = """
# TYPE grpc_server_started counter
grpc_server_started_total{{caller="API",grpc_method="SendSms",grpc_service="s",grpc_type="unary"}} {begun}
grpc_server_started_total{{caller="ADMIN",grpc_method="ListServices",grpc_service="s",grpc_type="unary"}} 0.0
# TYPE grpc_server_handled counter
grpc_server_handled_total{{caller="API",grpc_code="OK",grpc_method="SendSms",grpc_service="s",grpc_type="unary"}} {ok}
grpc_server_handled_total{{caller="API",grpc_code="UNAVAILABLE",grpc_method="SendSms",grpc_service="s",grpc_type="unary"}} {away}
grpc_server_handled_total{{caller="API",grpc_code="NOT_FOUND",grpc_method="SendSms",grpc_service="s",grpc_type="unary"}} {unknown}
# TYPE grpc_server_handling_seconds histogram
grpc_server_handling_seconds_bucket{{caller="API",grpc_method="SendSms",le="0.005"}} {quick}
grpc_server_handling_seconds_bucket{{caller="API",grpc_method="SendSms",le="0.25"}} {ok}
grpc_server_handling_seconds_bucket{{caller="API",grpc_method="SendSms",le="+Inf"}} {ok}
# TYPE notifications_published counter
notifications_published_total{{topic="db-sms"}} {ok}
# TYPE process_cpu_seconds counter
process_cpu_seconds_total {cpu}
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 1.2e+08
"""
WORKERS = """
# TYPE notifications_consumed counter
notifications_consumed_total{{topic="db-sms"}} {consumed}
# TYPE notifications_backlog_records gauge
notifications_backlog_records{{topic="db-sms"}} 1200.0
notifications_backlog_records{{topic="db-sms.dead"}} 3.0
# TYPE notifications_backlog_age_seconds gauge
notifications_backlog_age_seconds{{topic="db-sms"}} 93.0
# TYPE notifications_dead_letters counter
notifications_dead_letters_total{{topic="db-sms"}} 3.0
# TYPE notifications_rows gauge
notifications_rows{{state="waiting"}} 7.0
# TYPE notifications_rows_age_seconds gauge
notifications_rows_age_seconds{{state="waiting"}} 5400.0
# TYPE notifications_provider_calls counter
notifications_provider_calls_total{{outcome="accepted",provider="mmg"}} {sent}
notifications_provider_calls_total{{outcome="temporary",provider="mmg"}} {failed}
notifications_provider_calls_total{{outcome="accepted",provider="ses"}} 0.0
# TYPE notifications_retries counter
notifications_retries_total{{step="send_sms_to_provider"}} {failed}
# TYPE notifications_retries_failed counter
notifications_retries_failed_total{{step="send_sms_to_provider"}} 2.0
"""
BEFORE = {
    "http://a/metrics": API.format(begun=100, ok=90, away=0, unknown=10, quick=90, cpu=10),
    "http://w/metrics": WORKERS.format(consumed=50, sent=50, failed=0),
}
NOW = {
    "http://a/metrics": API.format(begun=1105, ok=1070, away=10, unknown=20, quick=1060, cpu=11),
    "http://w/metrics": WORKERS.format(consumed=450, sent=150, failed=8),
}


def change(before: Mapping[str, str] = BEFORE, now: Mapping[str, str] = NOW, seconds: float = 2.0) -> Change:
    def reading(at: float, texts: Mapping[str, str]) -> Reading:
        return Reading(at, {address: parsed(text) if text else None for address, text in texts.items()})

    return Change(reading(0, before), reading(seconds, now))


def drawn(shown: Change, width: int = 100) -> list[list[str]]:
    """The words of each line."""
    console = Console(width=width)
    with console.capture() as capture:
        console.print(screen(shown))
    return [line.split() for line in capture.get().splitlines() if line.strip(" ─")]


def test_everything_that_happens_is_shown():
    lines = drawn(change())
    assert ["http://a/metrics", "up", "50%", "120", "MB"] in lines
    assert ["SendSms", "500", "5.0", "5.0", "5", "≤", "5", "ms", "≤", "250", "ms"] in lines
    assert ["db-sms", "490", "200", "1,200", "2", "min", "3", "-"] in lines
    assert ["mmg", "54", "4.0", "-", "-", "0", "-"] in lines
    assert ["waiting", "7", "1.5", "h"] in lines
    assert ["send_sms_to_provider", "4.0", "8", "2"] in lines


def test_what_never_happened_takes_no_room():
    words = {word for line in drawn(change()) for word in line}
    assert words.isdisjoint({"ListServices", "ses", "db-sms.dead", "audit"})


def test_a_process_that_does_not_answer_is_shown_and_the_others_go_on():
    lines = drawn(change(now=NOW | {"http://w/metrics": ""}))
    assert ["http://w/metrics", "no", "answer"] in lines
    assert ["http://a/metrics", "up", "50%", "120", "MB"] in lines
    assert drawn(change(now=dict.fromkeys(NOW, "")))[1:] == [
        ["http://a/metrics", "no", "answer"],
        ["http://w/metrics", "no", "answer"],
    ]


def test_several_processes_add_up_and_what_each_tells_of_the_same_thing_does_not():
    twice = change(
        {**BEFORE, "http://w2/metrics": BEFORE["http://w/metrics"]},
        {**NOW, "http://w2/metrics": NOW["http://w/metrics"]},
    )
    assert twice.rates("notifications_consumed_total", "topic") == {"db-sms": 400}
    assert twice.largest("notifications_backlog_records", "topic")["db-sms"] == 1200


def test_a_process_that_began_anew_counts_from_zero():
    anew = change(before=NOW, now=BEFORE)
    assert anew.rates("notifications_consumed_total", "topic") == {"db-sms": 25}


@pytest.mark.parametrize("text", ["<html>", "a{b= 1"])
def test_what_is_no_metrics_text_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the parser's own words
        parsed(text)


def test_it_fits_a_usual_terminal():
    assert drawn(change(), 80) == drawn(change(), 200)


def test_nobody_that_answers_is_a_failure(monkeypatch):
    monkeypatch.setattr(scraping, "read", lambda addresses, clock: Reading(clock(), dict.fromkeys(addresses)))
    done = CliRunner().invoke(app, ["top", "http://127.0.0.1:1/metrics", "--once", "--every", "0.5"])
    assert done.exit_code == Exit.TRY_AGAIN
    assert "no answer" in done.output
