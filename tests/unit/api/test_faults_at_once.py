"""Who sends with several fields wrong is told of all of them at once, whichever they are."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from octavo.crypto import Hasher
from octavo.domain.errors import Invalid
from octavo.domain.notification import KeyType
from octavo.storage.directory import Service
from octavo.v1 import job_service_pb2 as jobs
from octavo.v1 import notification_service_pb2 as pb
from services.api.jobs.request import JobReading
from services.api.jobs.request import check_first as check_job_first
from services.api.sending.wish import Wishes

NOW = datetime(2026, 5, 4, tzinfo=UTC)
ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
SERVICE = Service(
    ID, "Bench", ("a@octavo.example",), ("Octavo",), sms_prefix=True, sms_daily_limit=1, email_daily_limit=1,
    rate_per_minute=1, retention_days=7, trial=False, suspended=False, unconfirmed_policy="FAIL",
)  # fmt: skip
HASHER = Hasher(b"k" * 32)
WISHES = Wishes(HASHER, b"k" * 32, "GB")
JOBS = JobReading(HASHER, b"k" * 32)
LATER = Timestamp(seconds=int((NOW + timedelta(days=90)).timestamp()))
ALWAYS = {
    "template_id": ({"template_id": "seventeen"}, "INVALID_ID"),
    "reference": ({"reference": "x" * 1_001}, "REFERENCE_TOO_LONG"),
    "personalisation[name]": ({"personalisation": {"name": "a\0b"}}, "INVALID_TEXT"),
    "request_id": ({"request_id": "one"}, "REQUEST_ID_NOT_UUID7"),
}
SMS = {"phone_number": ({"phone_number": "call me"}, "RECIPIENT_LETTERS"), **ALWAYS}
EMAIL = {"email_address": ({"email_address": "nobody"}, "INVALID_RECIPIENT"), **ALWAYS}
SEND_AT = ({"send_at": LATER}, "SEND_AT_OUT_OF_RANGE")
SMS_FIRST = {"sms_sender": ({"sms_sender": "Bank"}, "UNKNOWN_SMS_SENDER"), "send_at": SEND_AT}
EMAIL_FIRST = {"reply_to": ({"reply_to": "b@octavo.example"}, "UNKNOWN_REPLY_TO"), "send_at": SEND_AT}
JOB = {
    "template_id": ({"template_id": ""}, "MISSING_FIELD"),
    "object_key": ({"object_key": "a\nb"}, "HEADER_INJECTION"),
    "etag": ({"etag": "x" * 300}, "CONTENT_TOO_LONG"),
    "file_name": ({"file_name": "a\nb"}, "HEADER_INJECTION"),
    "request_id": ({"request_id": "one"}, "REQUEST_ID_NOT_UUID7"),
}
JOB_FIRST = {**EMAIL_FIRST, **SMS_FIRST}


def sms(**fields):
    return pb.SendSmsRequest(**({"template_id": str(ID), "phone_number": "07400123456"} | fields))


def email(**fields):
    return pb.SendEmailRequest(**({"template_id": str(ID), "email_address": "a@octavo.example"} | fields))


def job(**fields):
    return jobs.CreateJobRequest(**({"template_id": str(ID), "object_key": f"{ID}/file.csv"} | fields))


def check_message(request):
    wish = WISHES.read(request, SERVICE, KeyType.LIVE, NOW, bytes(10))
    WISHES.check_first(wish, SERVICE, NOW)


def check_job(request):
    check_job_first(JOBS.read(request, SERVICE, KeyType.LIVE, NOW, bytes(10)), SERVICE, NOW)


CALLS = [
    (sms, check_message, SMS, SMS_FIRST),
    (email, check_message, EMAIL, EMAIL_FIRST),
    (job, check_job, JOB, JOB_FIRST),
]


@pytest.mark.parametrize(("make", "check", "always", "first"), CALLS)
def test_a_right_request_is_not_refused(make, check, always, first):
    check(make())


@pytest.mark.parametrize(("make", "check", "always", "first"), CALLS)
@given(st.data())
def test_every_wrong_field_is_named(make, check, always, first, data):
    wrong = always | first
    chosen = data.draw(st.lists(st.sampled_from(sorted(wrong)), unique=True, min_size=1))
    fields: dict[str, Any] = {}
    for name in chosen:
        fields |= wrong[name][0]
    with pytest.raises(Invalid) as refused:
        check(make(**fields))
    assert {one.field: one.reason for one in refused.value.violations} == {name: wrong[name][1] for name in chosen}
    assert len(refused.value.violations) == len(chosen)
