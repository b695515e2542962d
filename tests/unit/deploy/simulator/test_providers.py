"""Each provider reads and writes its own forms."""

import json
from base64 import b64encode
from urllib.parse import parse_qs, urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from deploy.local.simulator.firetext import Firetext
from deploy.local.simulator.message import (
    Answer,
    Message,
    Outcome,
    fingerprint,
    outcome_of_mailbox,
    outcome_of_number,
)
from deploy.local.simulator.mmg import Mmg
from deploy.local.simulator.ses import Ses
from deploy.local.simulator.sns import Topic

MMG_AUTH = {"Authorization": "Basic " + b64encode(b"user:word").decode()}
MMG_REQUEST = {
    "reqType": "BULK",
    "MSISDN": "447700900001",
    "msg": "Hello",
    "sender": "GOVUK",
    "cid": "ref-1",
    "multi": True,
}
FIRETEXT_REQUEST = {"apiKey": "key", "from": "GOVUK", "to": "447700900001", "message": "Hello", "reference": "ref-1"}
SES_AUTH = {"Authorization": "AWS4-HMAC-SHA256 Credential=x"}
SES_REQUEST = {
    "FromEmailAddress": "from@example.com",
    "Destination": {"ToAddresses": ["Jo <jo@example.com>"]},
    "ReplyToAddresses": ["reply@example.com"],
    "Content": {"Simple": {"Subject": {"Data": "S"}, "Body": {"Text": {"Data": "B"}}}},
    "EmailTags": [{"Name": "notification_id", "Value": "ref-1"}, {"Name": "lane", "Value": "api"}],
}


@pytest.fixture
def mmg():
    return Mmg("user", "word", "mmg-token")


@pytest.fixture
def firetext():
    return Firetext("key", "firetext-token")


@pytest.fixture(scope="module")
def ses():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return Ses(Topic(key, "arn:aws:sns:eu-west-1:000000000000:events", "https://c.invalid/x.pem"))


def mmg_reads(mmg, headers=MMG_AUTH, **changed):
    return mmg.read(headers, json.dumps(MMG_REQUEST | changed).encode())


def firetext_reads(firetext, **changed):
    return firetext.read({}, urlencode(FIRETEXT_REQUEST | changed).encode())


def ses_reads(ses, headers=SES_AUTH, **changed):
    return ses.read(headers, json.dumps(SES_REQUEST | changed).encode())


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        ("447700900003", Outcome.TEMPORARY_FAILURE),
        ("07700900003", Outcome.TEMPORARY_FAILURE),
        ("447700900002", Outcome.PERMANENT_FAILURE),
        ("447700900004", Outcome.SILENCE),
        ("447700900001", Outcome.DELIVERED),
        ("15550100", Outcome.DELIVERED),
    ],
)
def test_the_number_decides_the_outcome(number, outcome):
    assert outcome_of_number(number) is outcome


@pytest.mark.parametrize(
    ("address", "outcome"),
    [
        ("temp-fail@simulator.example", Outcome.TEMPORARY_FAILURE),
        ("Perm-Fail@simulator.example", Outcome.PERMANENT_FAILURE),
        ("perm-fail+17@simulator.example", Outcome.PERMANENT_FAILURE),
        ("no-receipt@simulator.example", Outcome.SILENCE),
        ("complaint@simulator.example", Outcome.COMPLAINT),
        ("someone@perm-fail.example", Outcome.DELIVERED),
    ],
)
def test_the_mailbox_decides_the_outcome(address, outcome):
    assert outcome_of_mailbox(address) is outcome


def test_a_fingerprint_does_not_contain_the_recipient():
    assert "447700900001" not in fingerprint("447700900001")
    assert fingerprint("447700900001") != fingerprint("447700900002")


def test_a_message_does_not_show_its_recipient(mmg):
    assert "447700900001" not in repr(mmg_reads(mmg))


class TestMmg:
    def test_reads_a_message(self, mmg):
        message = mmg_reads(mmg)

        assert message == Message("ref-1", "447700900001", Outcome.DELIVERED, sender="GOVUK")

    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic eA=="}, {"Authorization": "Bearer é"}])
    def test_refuses_wrong_credentials(self, mmg, headers):
        assert mmg_reads(mmg, headers).status == 401

    @pytest.mark.parametrize(
        "changed",
        [{"MSISDN": "+447700900001"}, {"msg": ""}, {"cid": None}, {"sender": 3}, {"multi": "true"}, {"reqType": "ONE"}],
    )
    def test_refuses_a_request_that_is_not_as_documented(self, mmg, changed):
        refusal = mmg_reads(mmg, **changed)

        assert refusal.status == 400
        assert json.loads(refusal.body)["errorCode"] == "400"

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff"])
    def test_refuses_what_is_no_json_object(self, mmg, body):
        assert mmg.read(MMG_AUTH, body).status == 400

    @pytest.mark.parametrize(
        ("number", "status"), [("447700900001", "3"), ("447700900002", "5"), ("447700900003", "4")]
    )
    def test_sends_a_receipt_with_the_status_of_the_outcome(self, mmg, number, status):
        [receipt] = mmg.receipts(mmg_reads(mmg, MSISDN=number), "id-1", pending_first=False)
        parcel = receipt.parcel()

        assert receipt.path == "/receipts/mmg"
        assert parcel.headers["Authorization"] == "Bearer mmg-token"
        body = json.loads(parcel.body)
        assert (body["CID"], body["MSISDN"], body["status"]) == ("ref-1", number, status)
        assert "substatus" in body

    def test_sends_no_receipt_for_the_silent_number(self, mmg):
        assert mmg.receipts(mmg_reads(mmg, MSISDN="447700900004"), "id-1", pending_first=False) == []

    def test_fails_with_the_status_and_pause_it_was_told(self, mmg):
        answer = mmg.failure(429, 7)

        assert (answer.status, answer.headers["Retry-After"]) == (429, "7")


class TestFiretext:
    def test_reads_a_message(self, firetext):
        assert firetext_reads(firetext) == Message("ref-1", "447700900001", Outcome.DELIVERED, sender="GOVUK")

    def test_tells_acceptance_by_code_zero(self, firetext):
        assert json.loads(firetext.accepted("id-1").body) == {
            "code": 0,
            "description": "SMS successfully queued",
            "responseData": "id-1",
        }

    @pytest.mark.parametrize("changed", [{"apiKey": "x"}, {"to": "+44"}, {"from": ""}, {"message": ""}])
    def test_refuses_with_status_200_and_another_code(self, firetext, changed):
        refusal = firetext_reads(firetext, **changed)

        assert isinstance(refusal, Answer)
        assert refusal.status == 200
        assert json.loads(refusal.body)["code"] != 0

    @pytest.mark.parametrize(
        ("number", "status", "code"),
        [("447700900001", "0", "000"), ("447700900002", "1", "101"), ("447700900003", "1", "102")],
    )
    def test_sends_a_receipt_with_the_status_of_the_outcome(self, firetext, number, status, code):
        [receipt] = firetext.receipts(firetext_reads(firetext, to=number), "id-1", pending_first=False)
        parcel = receipt.parcel()
        form = parse_qs(parcel.body.decode())

        assert receipt.path == "/receipts/firetext"
        assert parcel.headers["Authorization"] == "Basic " + b64encode(b"firetext:firetext-token").decode()
        assert form["reference"] == ["ref-1"]
        assert form["mobile"] == [number]
        assert (form["status"], form["code"]) == ([status], [code])
        assert "time" in form

    def test_reports_pending_first_when_told_so(self, firetext):
        receipts = firetext.receipts(firetext_reads(firetext), "id-1", pending_first=True)

        assert [parse_qs(receipt.parcel().body.decode())["status"] for receipt in receipts] == [["2"], ["0"]]


class TestSes:
    def events(self, ses, recipient):
        message = ses_reads(ses, Destination={"ToAddresses": [recipient]})
        parcels = [receipt.parcel() for receipt in ses.receipts(message, "id-1", pending_first=False)]
        return [json.loads(json.loads(parcel.body)["Message"]) for parcel in parcels]

    def test_reads_a_simple_message_with_its_reply_to_addresses_and_tags(self, ses):
        message = ses_reads(ses)

        assert (message.reference, message.recipient) == ("ref-1", "jo@example.com")
        assert message.reply_to == ("reply@example.com",)
        assert message.tags == {"notification_id": ["ref-1"], "lane": ["api"]}

    def test_reads_a_raw_message_and_the_addresses_inside_it(self, ses):
        mime = b"From: a@example.com\r\nTo: Perm <perm-fail@example.com>\r\nReply-To: r@example.com\r\n\r\nhello"
        message = ses_reads(
            ses,
            FromEmailAddress="",
            Destination={},
            ReplyToAddresses=[],
            Content={"Raw": {"Data": b64encode(mime).decode()}},
        )

        assert message.recipient == "perm-fail@example.com"
        assert message.outcome is Outcome.PERMANENT_FAILURE
        assert (message.sender, message.reply_to) == ("a@example.com", ("r@example.com",))

    def test_refuses_an_unsigned_request(self, ses):
        assert ses_reads(ses, {}).status == 403

    @pytest.mark.parametrize(
        "changed",
        [
            {"Content": {}},
            {"Content": None},
            {"Content": {"Raw": {"Data": "###"}}},
            {"Content": {"Simple": {"Subject": {"Data": "S"}, "Body": {}}}},
            {"Destination": {"ToAddresses": []}},
            {"Destination": {"ToAddresses": ["nobody"]}},
            {"FromEmailAddress": ""},
        ],
    )
    def test_refuses_what_ses_would_not_take(self, ses, changed):
        refusal = ses_reads(ses, **changed)

        assert refusal.status == 400
        assert refusal.headers["x-amzn-ErrorType"] == "BadRequestException"

    def test_names_throttling_as_aws_does(self, ses):
        assert ses.failure(429, None).headers["x-amzn-ErrorType"] == "TooManyRequestsException"

    def test_publishes_a_delivery_with_message_id_and_tags(self, ses):
        [event] = self.events(ses, "jo@example.com")

        assert event["eventType"] == "Delivery"
        assert event["mail"]["messageId"] == "id-1"
        assert event["mail"]["tags"]["notification_id"] == ["ref-1"]
        assert event["delivery"]["recipients"] == ["jo@example.com"]

    @pytest.mark.parametrize(
        ("mailbox", "kind"), [("perm-fail@example.com", "Permanent"), ("temp-fail@example.com", "Transient")]
    )
    def test_publishes_a_bounce_of_the_kind_of_the_outcome(self, ses, mailbox, kind):
        [event] = self.events(ses, mailbox)

        assert event["eventType"] == "Bounce"
        assert event["bounce"]["bounceType"] == kind

    def test_publishes_a_complaint_after_the_delivery(self, ses):
        assert [event["eventType"] for event in self.events(ses, "complaint@example.com")] == ["Delivery", "Complaint"]

    def test_publishes_nothing_for_the_silent_mailbox(self, ses):
        assert self.events(ses, "no-receipt@example.com") == []
