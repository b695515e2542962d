"""What the auditor makes of the keys of records."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import create_engine

from octavo.audit.auditor import Auditor
from octavo.audit.findings import Fault, Finding
from octavo.domain.errors import Unavailable
from octavo.domain.ids import uuid7
from octavo.messaging.kafka.published import FinishedRecords, Published
from octavo.messaging.security import KafkaSecurity

SOUND = uuid7(datetime(2026, 3, 1, 12, 30, tzinfo=UTC), b"0123456789")


@pytest.fixture
def auditor():
    records = FinishedRecords("127.0.0.1:9", KafkaSecurity.plain(), [], datetime(2026, 3, 1, tzinfo=UTC))
    return Auditor(create_engine("sqlite://"), records)


@pytest.mark.parametrize("key", [b"\xff" * 16, b"", b"key", b"\x7f" * 17], ids=["far future", "none", "short", "long"])
def test_a_poison_record_whose_key_is_no_id_ends_no_audit(auditor, key):
    assert auditor._ids("db-sms", Published([key, SOUND.bytes], frozenset())) == [SOUND]


def test_what_could_not_be_compared_is_compared_later_and_not_read_past(auditor, monkeypatch):
    readings = iter([{"db-sms": Published([SOUND.bytes], frozenset())}, {}])
    monkeypatch.setattr(auditor._records, "read", lambda _pause: next(readings))
    for _ in range(2):
        # Its database has no such table, which is as bad as none.
        with pytest.raises(Unavailable):
            auditor.lost()
    monkeypatch.setattr("octavo.audit.auditor.find_persisted", lambda _connection, _ids: set())
    assert auditor.lost() == [Finding(Fault.LOST, "db-sms", str(SOUND))]
    assert auditor.lost() == []


def test_a_call_that_was_repeated_counts_once_and_a_dead_one_is_not_missed(auditor):
    dead = uuid7(datetime(2026, 3, 1, 12, 31, tzinfo=UTC), b"9876543210")
    found = auditor._ids("db-sms", Published([SOUND.bytes, SOUND.bytes, dead.bytes], frozenset({dead.bytes})))
    assert found == [UUID(bytes=SOUND.bytes)]
    assert auditor._accepted == {(datetime(2026, 3, 1, 12, tzinfo=UTC), "db-sms"): 2}
