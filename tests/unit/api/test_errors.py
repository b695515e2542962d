"""Every error of ours has one answer, with details that fit into a client's trailers."""

from base64 import b64encode
from datetime import timedelta
from urllib.parse import quote

import grpc
import pytest
from google.rpc import error_details_pb2 as details

from octavo.domain import errors
from octavo.domain.errors import Reason, Violation
from services.api.serving.errors import CODES, DOMAIN, answer, internal

MOST_TRAILERS = 8 * 1024


def unpacked(status):
    found = {}
    for packed in status.details:
        for kind in (details.ErrorInfo, details.BadRequest, details.QuotaFailure, details.RetryInfo):
            detail = kind()
            if packed.Unpack(detail):
                found[kind.DESCRIPTOR.name] = detail
    return found


def test_every_rejection_and_absence_has_a_code():
    ours = [kind for kind in errors.Rejected.__subclasses__() if kind.__module__ == errors.__name__]
    kinds = [errors.Unavailable, *ours]
    assert {kind for kind in kinds if kind in CODES} == set(kinds)
    assert len(set(CODES.values())) == len(CODES)


def test_an_invalid_call_names_each_field():
    error = errors.Invalid(
        Violation("a", Reason.MISSING_FIELD, "a is needed"), Violation("b[x]", Reason.INVALID_TEXT, "b[x] is no text")
    )
    made = answer(error)
    found = unpacked(made.status)
    assert made.code is grpc.StatusCode.INVALID_ARGUMENT
    assert (found["ErrorInfo"].reason, found["ErrorInfo"].domain) == ("MISSING_FIELD", DOMAIN)
    assert dict(found["ErrorInfo"].metadata) == {"field": "a"}
    named = [(one.field, one.reason) for one in found["BadRequest"].field_violations]
    assert named == [("a", "MISSING_FIELD"), ("b[x]", "INVALID_TEXT")]


def test_names_that_nothing_can_carry_are_told_as_far_as_they_can_be():
    made = answer(errors.Invalid.of("column[na\udc81me]", Reason.FILE_UNREADABLE, "column na\udc81me can't be read"))
    assert made.message == "column na?me can't be read"
    assert [one.field for one in unpacked(made.status)["BadRequest"].field_violations] == ["column[na?me]"]


def test_a_limit_says_which_and_until_when():
    error = errors.LimitExceeded(
        Reason.DAILY_LIMIT_EXCEEDED, "used up", subject="services/1/sms", limit=7, retry_after=timedelta(seconds=90)
    )
    found = unpacked(answer(error).status)
    assert found["QuotaFailure"].violations[0].subject == "services/1/sms"
    assert found["RetryInfo"].retry_delay.seconds == 90
    assert dict(found["ErrorInfo"].metadata) == {"limit": "7", "subject": "services/1/sms"}


def test_a_limit_that_never_suffices_gives_no_time():
    error = errors.LimitExceeded(Reason.DAILY_LIMIT_EXCEEDED, "too many", subject="s", limit=7, retry_after=None)
    assert "RetryInfo" not in unpacked(answer(error).status)


@pytest.mark.parametrize(("given", "seconds"), [(None, 1), (timedelta(seconds=5), 5)])
def test_an_absence_says_when_to_try_again(given, seconds):
    made = answer(errors.Unavailable("away", reason=Reason.QUEUE_UNAVAILABLE, retry_after=given))
    found = unpacked(made.status)
    assert made.code is grpc.StatusCode.UNAVAILABLE
    assert found["ErrorInfo"].reason == "QUEUE_UNAVAILABLE"
    assert found["RetryInfo"].retry_delay.seconds == seconds


def test_what_is_no_clients_business_stays_inside():
    for made in (answer(errors.Malformed("secret of a row")), internal("17")):
        assert made.code is grpc.StatusCode.INTERNAL
        assert "secret" not in made.message
        assert unpacked(made.status)["ErrorInfo"].reason == "INTERNAL"
        assert "secret" not in str(made.status)


def test_an_answer_fits_into_trailers_however_much_is_wrong():
    violations = [
        Violation(f"personalisation[{'n' * 300}{index}]", Reason.MISSING_FIELD, "é" * 400) for index in range(5_000)
    ]
    made = answer(errors.Invalid(*violations))
    # As they travel: details in base64, the message percent-encoded.
    travelling = sum(len(b64encode(value)) for _, value in made.trailers) + len(quote(made.message))
    assert travelling < MOST_TRAILERS
    assert len(unpacked(made.status)["BadRequest"].field_violations) > 1
