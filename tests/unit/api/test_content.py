"""What a repeated call is known by: all that it asks for, and what kind of key asks."""

import pytest

from octavo.domain.errors import Invalid, Reason
from octavo.domain.ids import uuid7
from octavo.domain.notification import KeyType
from tests.unit.api.test_faults_at_once import NOW, SERVICE, WISHES, sms

REQUEST_ID = str(uuid7(NOW, b"r" * 10))


def content_of(key_type=KeyType.LIVE, **fields):
    return WISHES.read(sms(**fields), SERVICE, key_type, NOW, b"r" * 10).content_hash


def test_with_a_request_id_whatever_differs_is_another_content():
    contents = {
        content_of(request_id=REQUEST_ID),
        content_of(request_id=REQUEST_ID, reference="one"),
        content_of(request_id=REQUEST_ID, personalisation={"a": "b"}),
        content_of(request_id=REQUEST_ID, phone_number="07400 123456"),
        content_of(KeyType.TEST, request_id=REQUEST_ID),
    }
    assert len(contents) == 5
    assert all(contents)
    # Team or live: it goes to the same person.
    assert content_of(KeyType.TEAM, request_id=REQUEST_ID) in contents


def test_without_one_nothing_is_compared():
    assert content_of(reference="one") == content_of(reference="two") == b""


@pytest.mark.parametrize("reference", ["a\0b", "\0", "ü\0"])
def test_a_reference_with_a_nul_is_refused(reference):
    with pytest.raises(Invalid) as refused:
        content_of(reference=reference)
    assert [(one.field, one.reason) for one in refused.value.violations] == [("reference", Reason.INVALID_TEXT)]
