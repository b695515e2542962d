"""What goes to a provider."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.fernet import Fernet

from octavo.crypto import Sealer
from octavo.domain.errors import Malformed, Rejected
from octavo.domain.template import Template
from octavo.providers import EmailMessage, TextMessage
from octavo.storage.directory import Service, TemplateVersion
from octavo.v1 import notification_pb2 as pb
from octavo.v1.messages_pb2 import NotificationMessage, SealedContent
from services.dispatcher.compose import Composer

SEALER = Sealer([Fernet.generate_key().decode()])
SERVICE = Service(
    id=uuid4(),
    name="Parking",
    reply_to_addresses=("first@example.com", "second@example.com"),
    sms_senders=("PARKING", "OTHER"),
    sms_prefix=False,
    sms_daily_limit=100,
    email_daily_limit=100,
    rate_per_minute=100,
    retention_days=7,
    trial=False,
    suspended=False,
    unconfirmed_policy="FAIL",
)
SMS = TemplateVersion(uuid4(), 3, None, Template.parse("Hello ((name))"))
EMAIL = TemplateVersion(uuid4(), 1, Template.parse("For ((name))"), Template.parse("# Hello ((name))"))


class Known:
    """One service and two templates."""

    def __init__(self, service: Service = SERVICE) -> None:
        self._service = service

    def service(self, service_id: UUID) -> Service | None:
        return self._service if service_id == self._service.id else None

    def version(self, template_id: UUID, version: int) -> TemplateVersion:
        return {(one.template_id, one.version): one for one in (SMS, EMAIL)}[template_id, version]


def composed(
    version: TemplateVersion,
    recipient: str,
    *,
    service: Service = SERVICE,
    values: Mapping[str, str],
    prefix: str | None = None,
    **changed: Any,
) -> Any:
    notification_id = uuid4()
    content = SealedContent(
        notification_id=notification_id.bytes, recipient=recipient, personalisation=values, sms_prefix=prefix
    )
    sealed = SEALER.seal(content)
    message = NotificationMessage(
        id=notification_id.bytes,
        service_id=service.id.bytes,
        type=pb.NOTIFICATION_TYPE_EMAIL if version.subject else pb.NOTIFICATION_TYPE_SMS,
        template_id=version.template_id.bytes,
        template_version=version.version,
        key_type=pb.KEY_TYPE_LIVE,
        sealed=sealed,
    )
    for name, value in changed.items():
        setattr(message, name, value)
    composer = Composer(SEALER, Known(service), default_region="GB", default_sms_sender="Octavo")  # type: ignore[arg-type]
    made = composer.compose(message)
    assert made.reference.bytes == message.id
    return made


def text(service: Service = SERVICE, recipient: str = "07700 900111", **changed: Any) -> TextMessage:
    made = composed(SMS, recipient, service=service, values={"name": "Ann"}, **changed)
    assert isinstance(made, TextMessage)
    return made


def email(service: Service = SERVICE, name: str = "Ann", **changed: Any) -> EmailMessage:
    made = composed(EMAIL, "ann@example.com", service=service, values={"name": name}, **changed)
    assert isinstance(made, EmailMessage)
    return made


def test_a_text_is_opened_rendered_and_goes_to_the_number_in_international_form():
    made = text()
    assert (made.text, made.to.e164, made.sender) == ("Hello Ann", "+447700900111", "PARKING")


def test_the_sender_of_the_call_comes_before_the_services_and_that_before_octavos():
    assert text(sms_sender="MINE").sender == "MINE"
    assert text(replace(SERVICE, sms_senders=())).sender == "Octavo"


def test_a_service_may_put_its_name_before_each_text():
    assert text(replace(SERVICE, sms_prefix=True)).text == "Parking: Hello Ann"


@pytest.mark.parametrize(("prefix", "sent"), [("Before", "Before: Hello Ann"), ("", "Hello Ann")])
def test_a_text_begins_as_it_did_when_it_was_accepted(prefix, sent):
    assert text(replace(SERVICE, sms_prefix=True), prefix=prefix).text == sent


def test_an_email_has_both_bodies_a_subject_and_the_services_name():
    made = email()
    assert (made.subject, made.from_name, made.to.address) == ("For Ann", "Parking", "ann@example.com")
    assert "Hello Ann" in made.plain
    assert "Hello Ann</h" in made.html


@pytest.mark.asked("S12")
def test_the_reply_to_address_is_the_services_as_it_is_when_the_email_goes_out():
    assert email().reply_to_address == "first@example.com"
    assert email(replace(SERVICE, reply_to_addresses=("new@example.com",))).reply_to_address == "new@example.com"
    assert email(replace(SERVICE, reply_to_addresses=())).reply_to_address is None


def test_the_reply_to_address_of_the_call_comes_first():
    assert email(reply_to="mine@example.com").reply_to_address == "mine@example.com"


def test_what_is_put_in_is_escaped_and_not_interpreted_again():
    made = email(name="<b>((name))</b>")
    assert made.subject == "For <b>((name))</b>"
    assert "&lt;b&gt;((name))&lt;/b&gt;" in made.html


def test_what_misses_a_value_or_has_no_number_is_rejected():
    with pytest.raises(Rejected):
        composed(SMS, "07700900111", values={})
    with pytest.raises(Rejected):
        text(recipient="no number")


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": b"of another one: "},
        {"service_id": b"of another one: "},
        {"template_id": b"of another one: "},
        {"template_version": 4},
        {"sealed": b"not sealed"},
        {"sealed": b""},
        {"service_id": b"short"},
        {"template_id": b""},
        {"type": 99},
        {"type": pb.NOTIFICATION_TYPE_UNSPECIFIED},
        {"key_type": pb.KEY_TYPE_UNSPECIFIED},
    ],
    ids=str,
)
def test_what_cannot_be_opened_or_names_what_does_not_exist_is_malformed(wrong):
    with pytest.raises(Malformed):
        text(**wrong)
