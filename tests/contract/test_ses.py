"""What SES alone is told: who gets the answer, and which events come back."""

import inspect

import pytest

from octavo.domain.outcome import Accepted, Temporary
from octavo.domain.recipient import EmailAddress
from octavo.providers import EmailMessage
from octavo.providers.ses import Ses
from tests.contract.dialects import new_reference, ses_error
from tests.contract.scripted import answers


@pytest.fixture
def ses(bench_of):
    bench = bench_of("ses")
    bench.server.play = answers(bench.dialect.accepted)
    return bench


def email(**changed):
    fields = {"subject": "Hello", "plain": "Hello", "html": "<p>Hello</p>", "from_name": "A service"} | changed
    return EmailMessage(
        new_reference(), EmailAddress("jo@example.com"), reply_to_address=fields.pop("reply", None), **fields
    )


@pytest.mark.asked("S12")
async def test_answers_go_to_the_reply_to_address(ses):
    assert "reply_to_address" in inspect.signature(Ses.send_email).parameters

    await ses.client().send(email(reply="replies@service.example"))

    (request,) = ses.server.requests
    assert request.json()["ReplyToAddresses"] == ["replies@service.example"]


@pytest.mark.asked("S12")
async def test_without_a_reply_to_address_there_is_none(ses):
    await ses.client().send(email())

    (request,) = ses.server.requests
    assert "ReplyToAddresses" not in request.json()


async def test_the_whole_email_arrives(ses):
    await ses.client().send(email(subject="Grüße", plain="Text ✓", html="<p>✓</p>", from_name='Jo "the" Écrivain'))

    (request,) = ses.server.requests
    given = request.json()
    assert request.line.startswith("POST /v2/email/outbound-emails ")
    assert given["Destination"] == {"ToAddresses": ["jo@example.com"]}
    assert given["FromEmailAddress"] == "=?utf-8?b?Sm8gInRoZSIgw4ljcml2YWlu?= <octavo@example.com>"
    assert given["Content"]["Simple"]["Subject"] == {"Data": "Grüße", "Charset": "UTF-8"}
    assert given["Content"]["Simple"]["Body"]["Text"]["Data"] == "Text ✓"
    assert given["Content"]["Simple"]["Body"]["Html"]["Data"] == "<p>✓</p>"
    assert given["ConfigurationSetName"] == "events"


@pytest.mark.parametrize("control", ["\r\nBcc: x@example.com", "\x00", "\x1c", "\x85", "\u2028"])
async def test_no_value_can_add_a_header(ses, control):
    await ses.client().send(email(subject=f"Hello{control}", from_name=f"Jo{control}"))

    (request,) = ses.server.requests
    given = request.json()
    for value in (given["Content"]["Simple"]["Subject"]["Data"], given["FromEmailAddress"]):
        assert not any(mark in value for mark in "\r\n\x00\x1c\x85\u2028")


async def test_an_address_that_ses_does_not_know_yet_can_still_be_verified(ses):
    words = "Email address is not verified. The following identities failed the check in region EU-WEST-1: octavo@example.com"
    ses.server.play = answers(ses_error(400, "MessageRejected", words))

    outcome = await ses.client().send(email())

    assert outcome == Temporary("ses 400 MessageRejected")


async def test_an_email_of_two_million_bytes_arrives(ses):
    assert isinstance(await ses.client().send(email(plain="x" * 2_000_000, html="y" * 2_000_000)), Accepted)
