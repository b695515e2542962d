"""What a request's personalisation is read as, and sealed as."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from octavo.crypto import Hasher, Sealer, personalisation_of
from octavo.domain.errors import Invalid, Reason
from octavo.domain.limits import MOST_NAMES
from octavo.domain.merge import Template
from octavo.domain.notification import KeyType, NotificationType
from octavo.storage.directory import Service, TemplateHead, TemplateVersion
from octavo.v1 import notification_service_pb2 as pb
from octavo.v1.messages_pb2 import NotificationMessage
from octavo.v1.notification_pb2 import TextList
from services.api.sending.accept import Acceptance
from services.api.sending.wish import Wishes, read_personalisation

ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
SEALER = Sealer([Fernet.generate_key().decode()])
WISHES = Wishes(Hasher(b"k" * 32), b"k" * 32, "GB")
ACCEPTANCE = Acceptance(SEALER)
SERVICE = Service(
    ID, "Bench", (), (), sms_prefix=True, sms_daily_limit=1, email_daily_limit=1, rate_per_minute=1, retention_days=7,
    trial=False, suspended=False, unconfirmed_policy="FAIL",
)  # fmt: skip
HEAD = TemplateHead(ID, ID, NotificationType.SMS, "greeting", version=1, archived=False)
VERSION = TemplateVersion(ID, 1, None, Template.parse("Hello"))

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
TEXTS = st.dictionaries(TEXT, TEXT, max_size=5)
LISTS = st.dictionaries(TEXT, st.lists(TEXT, max_size=3), max_size=3)


def request(texts, lists=()):
    return pb.SendSmsRequest(
        template_id=str(ID),
        phone_number="07400123456",
        personalisation=texts,
        personalisation_lists={name: TextList(values=values) for name, values in dict(lists).items()},
    )


def test_a_personalisation_has_a_thousand_names_at_most():
    most = {f"n{number}": "" for number in range(MOST_NAMES - 1)}
    assert len(read_personalisation(request(most, {"things": ["pen"]}))) == MOST_NAMES
    with pytest.raises(Invalid) as caught:
        read_personalisation(request(most | {"more": ""}, {"things": ["pen"]}))
    assert (caught.value.reason, caught.value.field) == (Reason.TOO_MANY_ITEMS, "personalisation")


@given(TEXTS, LISTS)
def test_what_is_sealed_is_what_was_given(texts, lists):
    given = {**texts, **{name: values for name, values in lists.items() if name not in texts}}
    sent = request(texts, {name: values for name, values in lists.items() if name not in texts})
    assert read_personalisation(sent) == given
    now = datetime(2026, 1, 1, tzinfo=UTC)
    wish = WISHES.read(sent, SERVICE, KeyType.LIVE, now, bytes(10))
    accepted = ACCEPTANCE.accept(wish, SERVICE, KeyType.LIVE, VERSION, now)
    message = NotificationMessage.FromString(accepted.outgoing.value)
    content = SEALER.open(message.id, message.sealed)
    assert personalisation_of(content) == given
    assert content.personalisation == sent.personalisation
    assert content.personalisation_lists == sent.personalisation_lists
    assert content.sms_prefix == "Bench"


@pytest.mark.parametrize(
    ("texts", "lists", "field"),
    [
        ({"first": "a", "second": "b\0"}, {}, "personalisation[second]"),
        ({"first": "a", "sec\0nd": "b"}, {}, "personalisation"),
        ({"first": "a\0"}, {"list": ["b\0"]}, "personalisation[first]"),
        ({"first": "a"}, {"list": ["b", "c\0"]}, "personalisation_lists[list]"),
        ({"first": "a"}, {"li\0st": ["b\0"]}, "personalisation_lists"),
    ],
)
def test_what_can_not_be_stored_is_named(texts, lists, field):
    with pytest.raises(Invalid) as caught:
        read_personalisation(request(texts, lists))
    assert (caught.value.field, caught.value.reason) == (field, Reason.INVALID_TEXT)


def test_a_name_has_one_meaning():
    with pytest.raises(Invalid, match="a single value, too") as caught:
        read_personalisation(request({"name": "a"}, {"name": ["b"]}))
    assert caught.value.field == "personalisation_lists[name]"


@pytest.mark.parametrize("texts", [{"n" * 2_500_001: ""}, {"name": "é" * 1_250_001}])
def test_all_of_it_together_is_not_too_long(texts):
    with pytest.raises(Invalid) as caught:
        read_personalisation(request(texts))
    assert (caught.value.field, caught.value.reason) == ("personalisation", Reason.CONTENT_TOO_LONG)
