import io
import json
import logging

import pytest
import structlog
from kafka.errors import Cancelled, KafkaConnectionError

from octavo.telemetry import logs

CANARY = "+447700900123"


def failure():
    raise ValueError(CANARY)


@pytest.fixture
def lines():
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure("api", "json", "INFO", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_each_try_to_reach_a_broker_is_not_told_of(lines):
    for port in range(20):
        logging.getLogger("kafka.net.connection").error("%s: Connection failed", port)
        logging.getLogger("kafka.net.manager").error("%s: Connection lost", port)
        logging.getLogger("some.library").error("%s: failed", port)
    told = [line["logger"] for line in lines()]
    assert (told.count("kafka.net.connection"), told.count("kafka.net.manager"), told.count("some.library")) == (
        1,
        1,
        20,
    )


def test_what_waits_says_so_once_a_minute(lines, monkeypatch):
    clock = [1_000.0]
    monkeypatch.setattr(logs, "monotonic", lambda: clock[0])
    log = structlog.get_logger()
    for _ in range(60):
        log.warning("waiting", what="due", error="the database does not answer")
        log.warning("waiting", what="audit", error="the database does not answer")
        clock[0] += 1
    log.warning("waiting", what="due", error="the database refuses")
    log.warning("waiting", what="due", error="the database does not answer")
    log.warning("waiting", topic="db-sms", attempt=1)
    log.warning("waiting", topic="db-sms", attempt=2)
    told = [(line.get("what", line.get("topic")), line.get("error", "")) for line in lines()]
    assert told == [
        ("due", "the database does not answer"),
        ("audit", "the database does not answer"),
        ("due", "the database refuses"),
        ("due", "the database does not answer"),
        ("db-sms", ""),
        ("db-sms", ""),
    ]


def test_an_event_is_one_line_of_json_with_service_level_and_time(lines):
    structlog.get_logger().info("started", parts=["a"])
    (line,) = lines()
    assert line["event"] == "started"
    assert line["service"] == "api"
    assert line["level"] == "info"
    assert line["parts"] == ["a"]
    assert line["timestamp"].endswith("Z")


def test_an_exception_is_told_by_kind_and_place_without_its_values(lines):
    try:
        failure()
    except ValueError:
        structlog.get_logger().exception("failed")
    (line,) = lines()
    assert line["error"] == "ValueError"
    assert any("test_logs.py" in place for place in line["at"])
    assert CANARY not in json.dumps(line)


def test_a_library_that_logs_an_exception_shows_no_values_either(lines):
    try:
        failure()
    except ValueError:
        logging.getLogger("some.library").exception("failed")
    (line,) = lines()
    assert line["event"] == "failed"
    assert CANARY not in json.dumps(line)


def test_below_the_level_nothing_is_written(lines):
    structlog.get_logger().debug("quiet")
    logging.getLogger("some.library").info("quiet")
    assert lines() == []


def test_kafka_tells_of_faults_and_not_of_its_own_end(lines):
    cluster = logging.getLogger("kafka.cluster")
    cluster.error("Metadata refresh: failed %s", Cancelled())
    assert lines() == []
    cluster.error("Metadata refresh: failed %s", KafkaConnectionError())
    (line,) = lines()
    assert "Metadata refresh" in line["event"]
