"""What earlier releases wrote (tests/corpus) is read by this one; what a later one adds is carried on."""

from base64 import b64decode

import pytest
from google.protobuf.unknown_fields import UnknownFieldSet

from octavo import topics
from octavo.crypto import Hasher, Sealer
from octavo.v1.messages_pb2 import NotificationMessage
from tests.corpora import RELEASES, corpus, later_release

TOPICS_OF = {"0.1.0": 10}
"""How many topics a release has."""
RECORDS = [
    pytest.param(release, record, id=f"{release} {number} {record['topic']}")
    for release in RELEASES
    for number, record in enumerate(corpus(release)["records"])
]


@pytest.mark.parametrize("release", RELEASES)
def test_there_is_a_record_of_every_topic(release):
    # Later releases may have more.
    recorded = {record["topic"] for record in corpus(release)["records"]}
    assert len(recorded) == TOPICS_OF[release]
    assert recorded <= {topic.name for topic in topics.ALL}


@pytest.mark.parametrize(("release", "record"), RECORDS)
def test_what_an_earlier_release_wrote_is_read_whole(release, record):
    topic, value = topics.BY_NAME[record["topic"]], b64decode(record["value"])
    message = topic.decode(value)
    assert len(UnknownFieldSet(message)) == 0
    assert topic.key(message) == b64decode(record["key"])
    assert message.SerializeToString() == value
    if isinstance(message, NotificationMessage):
        given = corpus(release)
        content = Sealer(given["sealing_keys"].split(",")).open(message.id, message.sealed)
        assert content.personalisation or content.personalisation_lists
        hasher = Hasher(given["hash_key"].encode())
        assert hasher.recipient(message.service_id, content.recipient) == message.recipient_hash


@pytest.mark.parametrize(("release", "record"), RECORDS)
def test_a_field_of_a_later_release_is_carried_on(release, record):
    topic, value = topics.BY_NAME[record["topic"]], later_release(b64decode(record["value"]))
    assert topic.decode(value).SerializeToString() == value
