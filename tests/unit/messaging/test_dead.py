"""Dead letters: what they tell of the record that they were made of, and that it comes back as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.domain.errors import Malformed
from octavo.messaging import Partition, Record
from octavo.messaging.dead import Origin, dead_letter, origin_of, revived
from octavo.topics import DB_SMS, Outgoing

HEADERS = st.lists(st.tuples(st.sampled_from(["traceparent", "tracestate", "x"]), st.binary(max_size=9)), max_size=3)


def lying(outgoing, offset=7):
    """What is published, as it is read again."""
    return Record(Partition(outgoing.topic, 0), offset, outgoing.key, outgoing.value, outgoing.headers)


@given(key=st.binary(max_size=20), value=st.binary(max_size=50), headers=HEADERS)
def test_a_record_comes_back_from_its_dead_letter_as_it_was(key, value, headers):
    record = Record(Partition(DB_SMS.name, 3), 41, key, value, tuple(headers))

    letter = lying(dead_letter(record, Malformed("no value")))

    assert letter.partition.topic == "db-sms.dead"
    assert origin_of(letter) == Origin("db-sms", 3, 41, "no value")
    assert revived(letter) == Outgoing("db-sms", key, value, tuple(headers))


@pytest.mark.parametrize(
    "headers", [(), (("dead.topic", b"db-sms"),), (("dead.topic", b"db-sms"), ("dead.offset", b"x"))]
)
def test_what_does_not_say_where_it_came_from_is_no_dead_letter(headers):
    with pytest.raises(Malformed):
        revived(Record(Partition("db-sms.dead", 0), 0, b"", b"value", headers))
