"""How each provider says what every provider can say. A provider that is added to the registry gets a dialect here."""

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from octavo.config import Settings
from octavo.domain.ids import uuid7
from octavo.domain.recipient import EmailAddress, PhoneNumber
from octavo.providers import EmailMessage, TextMessage
from octavo.providers.firetext import FiretextSettings
from octavo.providers.mmg import MmgSettings
from octavo.providers.ses import SesSettings
from tests.contract.scripted import Reply, Request

THEIRS = "provider-reference-1"
"""The provider's own reference in its acceptance."""


def new_reference() -> UUID:
    """A notification's id."""
    return uuid7(datetime.now(UTC), os.urandom(10))


class Dialect(ABC):
    """One provider's words."""

    accepted: Reply
    refuses_the_recipient: Reply
    refuses_the_request: Reply
    refuses_our_credentials: Reply

    @abstractmethod
    def settings(self, url: str) -> Settings:
        """Its client's settings, with the provider at this address."""

    @abstractmethod
    def reference_in(self, request: Request) -> str:
        """Our reference in a request."""

    @abstractmethod
    def failure(self, status: int, headers: Mapping[str, str]) -> Reply:
        """A refusal by its HTTP status."""

    def message(self, reference: UUID) -> TextMessage | EmailMessage:
        """Something to send."""
        return TextMessage(reference, PhoneNumber("+447700900123", "GB", international=False), "Hello", "Octavo")


class MmgDialect(Dialect):
    """MMG: the status says it all, and JSON explains."""

    accepted = Reply(200, b'{"Reference": "%s"}' % THEIRS.encode())
    refuses_the_recipient = Reply(400, b'{"errorCode": "400", "errorDescription": "Invalid field: MSISDN"}')
    refuses_the_request = Reply(400, b'{"errorCode": "400", "errorDescription": "Invalid field: sender"}')
    refuses_our_credentials = Reply(401, b'{"errorCode": "401", "errorDescription": "Authentication failed"}')

    def settings(self, url: str) -> Settings:
        return MmgSettings.model_validate({"mmg_url": f"{url}/mmg", "mmg_username": "user", "mmg_password": "word"})

    def reference_in(self, request: Request) -> str:
        return str(request.json()["cid"])

    def failure(self, status: int, headers: Mapping[str, str]) -> Reply:
        return Reply(status, b'{"errorCode": "1", "errorDescription": "Service unavailable"}', headers)


class FiretextDialect(Dialect):
    """Firetext: 200 with a code."""

    accepted = Reply(200, b'{"code": 0, "description": "queued", "responseData": "%s"}' % THEIRS.encode())
    refuses_the_recipient = Reply(200, b'{"code": 2, "description": "Destination number(s) error"}')
    refuses_the_request = Reply(200, b'{"code": 5, "description": "Message error"}')
    refuses_our_credentials = Reply(200, b'{"code": 1, "description": "Authentication error"}')

    def settings(self, url: str) -> Settings:
        return FiretextSettings.model_validate({"firetext_url": f"{url}/firetext", "firetext_api_key": "key"})

    def reference_in(self, request: Request) -> str:
        return request.form()["reference"]

    def failure(self, status: int, headers: Mapping[str, str]) -> Reply:
        return Reply(status, b'{"code": 99, "description": "Service unavailable"}', headers)


def ses_error(status: int, kind: str, text: str, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, json.dumps({"message": text}).encode(), {"x-amzn-ErrorType": kind, **(headers or {})})


class SesDialect(Dialect):
    """SES: errors of AWS."""

    accepted = Reply(200, b'{"MessageId": "%s"}' % THEIRS.encode())
    refuses_the_recipient = ses_error(400, "BadRequestException", "Illegal address")
    refuses_the_request = ses_error(400, "BadRequestException", "Subject is too long")
    refuses_our_credentials = ses_error(403, "InvalidSignatureException", "The signature does not match.")

    def settings(self, url: str) -> Settings:
        return SesSettings.model_validate(
            {
                "aws_region": "eu-west-1",
                "ses_endpoint_url": url,
                "ses_configuration_set": "events",
                "ses_threads": 300,
                "email_from": "octavo@example.com",
            }
        )

    def reference_in(self, request: Request) -> str:
        tags: list[Any] = request.json()["EmailTags"]
        (value,) = [tag["Value"] for tag in tags if tag["Name"] == "notification_id"]
        return str(value)

    def failure(self, status: int, headers: Mapping[str, str]) -> Reply:
        kind = "TooManyRequestsException" if status == 429 else "InternalFailure"
        return ses_error(status, kind, "Maximum sending rate exceeded.", headers)

    def message(self, reference: UUID) -> EmailMessage:
        to = EmailAddress("jo@example.com")
        return EmailMessage(reference, to, "Hello", "Hello", "<p>Hello</p>", "A service", "replies@example.com")


DIALECTS: Mapping[str, Callable[[], Dialect]] = {"mmg": MmgDialect, "firetext": FiretextDialect, "ses": SesDialect}
