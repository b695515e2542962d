"""The `sesv2` client of boto3 takes the simulator for Amazon SES."""

import asyncio
import json

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError


@pytest.fixture
def client(simulator):
    return boto3.client(
        "sesv2",
        endpoint_url=str(simulator.make_url("/")).rstrip("/"),
        region_name="eu-west-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}),
    )


def email(**changed):
    return {
        "FromEmailAddress": "from@example.com",
        "Destination": {"ToAddresses": ["jo@example.com"]},
        "ReplyToAddresses": ["reply@example.com"],
        "Content": {"Simple": {"Subject": {"Data": "Grüße"}, "Body": {"Text": {"Data": "B"}, "Html": {"Data": "B"}}}},
        "EmailTags": [{"Name": "notification_id", "Value": "ref-1"}],
    } | changed


async def test_sends_a_simple_email(simulator, client):
    answer = await asyncio.to_thread(client.send_email, **email())

    async with simulator.get("/ledger") as lines:
        entry = json.loads(await lines.read())
    assert (entry["provider"], entry["reference"]) == ("ses", "ref-1")
    assert entry["provider_id"] == answer["MessageId"]
    assert entry["reply_to"] == ["reply@example.com"]


async def test_sends_a_raw_email(simulator, client):
    mime = b"From: from@example.com\r\nTo: perm-fail@example.com\r\nReply-To: r@example.com\r\n\r\nhello"

    content = {"Raw": {"Data": mime}}
    answer = await asyncio.to_thread(
        client.send_email, Content=content, EmailTags=[{"Name": "notification_id", "Value": "ref-2"}]
    )

    async with simulator.get("/ledger") as lines:
        entry = json.loads(await lines.read())
    assert (entry["reference"], entry["provider_id"]) == ("ref-2", answer["MessageId"])
    assert entry["reply_to"] == ["r@example.com"]


async def test_raises_the_error_that_ses_would(simulator, client):
    with pytest.raises(client.exceptions.BadRequestException):
        await asyncio.to_thread(client.send_email, **email(Destination={"ToAddresses": []}))

    async with simulator.put("/behaviour", json={"ses": {"fail_share": 1, "fail_status": 429}}) as answer:
        assert answer.status == 200
    with pytest.raises(client.exceptions.TooManyRequestsException):
        await asyncio.to_thread(client.send_email, **email())

    async with simulator.put("/behaviour", json={"ses": {"fail_share": 1, "fail_status": 500}}) as answer:
        assert answer.status == 200
    with pytest.raises(ClientError, match="Service unavailable"):
        await asyncio.to_thread(client.send_email, **email())
