"""How large messages are, and may be."""

import pytest

from octavo.domain.errors import Invalid, Reason
from octavo.messaging.kafka.size import LARGEST, LARGEST_DEAD, check_sizes
from octavo.topics import Outgoing


def test_only_values_count_together():
    messages = [Outgoing("db-sms", b"key", b"1234", (("name", b"value"),)), Outgoing("db-sms", b"", b"12")]
    assert check_sizes(messages) == 6
    assert check_sizes([]) == 0


@pytest.mark.parametrize(("topic", "largest"), [("db-sms", LARGEST), ("db-sms.dead", LARGEST_DEAD)])
def test_a_record_counts_with_all_that_it_has(topic, largest):
    room = largest - 1_024 - len(b"key") - len("name") - len(b"value")
    headers = (("name", b"value"),)
    assert check_sizes([Outgoing(topic, b"key", b"x" * room, headers)]) == room
    with pytest.raises(Invalid) as refused:
        check_sizes([Outgoing(topic, b"key", b"x" * (room + 1), headers)])
    assert refused.value.violations[0].reason is Reason.CONTENT_TOO_LONG
