"""Reading a request to send: what it asks for, and every rule that it breaks, told at once.

It asks nobody anything: what it needs of the world (service, time, randomness) is passed in.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from octavo.crypto import Hasher
from octavo.domain.errors import Invalid, Reason
from octavo.domain.ids import check_request_id, repeatable_id, uuid7
from octavo.domain.limits import MAX_REFERENCE, MAX_REFERENCE_BYTES, MOST_NAMES, MOST_PERSONALISATION
from octavo.domain.notification import KeyType, NotificationType
from octavo.domain.recipient import Recipient, normalised, parse_email, parse_phone
from octavo.domain.template import Value
from octavo.domain.text import check_text, is_plain, is_storable
from octavo.domain.violations import Violations
from octavo.storage.directory import Service
from octavo.v1 import notification_service_pb2 as pb
from octavo.v1.template_service_pb2 import PreviewTemplateRequest
from services.api.fields import check_choice, check_send_at, read_id, read_time

# What a test key sends goes nowhere: the same call with another key is another content.
_PURPOSES = {
    (True, False): b"sms",
    (False, False): b"email",
    (True, True): b"test sms",
    (False, True): b"test email",
}

SendRequest = pb.SendSmsRequest | pb.SendEmailRequest


class Wish(NamedTuple):
    """A request, read: all that can be checked without knowing the template."""

    request: SendRequest
    type: NotificationType
    service_id: bytes
    template_id: UUID
    recipient: Recipient
    recipient_hash: bytes
    personalisation: Mapping[str, Value]
    content_hash: bytes
    request_id: UUID | None
    id: UUID
    send_at: datetime | None


class Wishes:
    """Reads requests, with the keys that this needs."""

    def __init__(self, hasher: Hasher, hash_key: bytes, default_region: str) -> None:
        self._hasher = hasher
        self._id_key = sha256(b"ids" + hash_key).digest()
        self._region = default_region

    def read(
        self,
        request: SendRequest,
        service: Service,
        key_type: KeyType,
        now: datetime,
        randomness: bytes,
    ) -> Wish:
        """The request, read. Raises Invalid with every fault of it, if it breaks a rule which holds at any time."""
        try:
            template_id = _template_id(request.template_id)
            is_sms = isinstance(request, pb.SendSmsRequest)
            recipient = self._recipient(request)
            _check_reference(request.reference)
            personalisation = read_personalisation(request)
            send_at = read_time(request, "send_at")
            request_id = check_request_id(request.request_id, now) if request.request_id else None
            service_id = service.id.bytes
            return Wish(
                request=request,
                type=NotificationType.SMS if is_sms else NotificationType.EMAIL,
                service_id=service_id,
                template_id=template_id,
                recipient=recipient,
                recipient_hash=self._hasher.recipient(service_id, normalised(recipient)),
                personalisation=personalisation,
                # What can't be repeated is compared with nothing: its id is random.
                content_hash=self._content(request, service_id, key_type) if request_id else b"",
                request_id=request_id,
                id=repeatable_id(request_id, service.id, self._id_key) if request_id else uuid7(now, randomness),
                send_at=send_at,
            )
        except Invalid:
            self._tell_all(request, service, now)
            raise

    def check_first(self, wish: Wish, service: Service, now: datetime) -> None:
        """Asks what has to hold the first time only: when a call is repeated, its time may be past and its sender gone.

        Raises Invalid with every field that breaks a rule.
        """
        try:
            _check_sender(wish.request, service)
            check_send_at(wish.send_at, now)
        except Invalid:
            self._tell_all(wish.request, service, now)
            raise

    def _content(self, request: SendRequest, service_id: bytes, key_type: KeyType) -> bytes:
        purpose = _PURPOSES[isinstance(request, pb.SendSmsRequest), key_type is KeyType.TEST]
        # The request's own bytes, maps in the order of their keys: whatever differs is another content.
        return self._hasher.content(purpose, service_id, request.SerializeToString(deterministic=True))

    def _recipient(self, request: SendRequest) -> Recipient:
        if isinstance(request, pb.SendSmsRequest):
            return parse_phone(request.phone_number, self._region)
        return parse_email(request.email_address)

    def _tell_all(self, request: SendRequest, service: Service, now: datetime) -> None:
        """Raises Invalid with all that is wrong. Asked only once something is: the way of a good request stays short."""
        faults = Violations()
        faults.read(_template_id, request.template_id)
        faults.read(self._recipient, request)
        faults.read(_check_reference, request.reference)
        faults.read(read_personalisation, request)
        send_at = faults.read(read_time, request, "send_at")
        if request.request_id:
            faults.read(check_request_id, request.request_id, now)
        faults.read(_check_sender, request, service)
        faults.read(check_send_at, send_at, now)
        faults.tell()


def _check_sender(request: SendRequest, service: Service) -> None:
    if isinstance(request, pb.SendSmsRequest):
        check_choice(service, sms_sender=request.sms_sender)
    else:
        check_choice(service, reply_to=request.reply_to)


@lru_cache(maxsize=1_024)
def _template_id(text: str) -> UUID:
    return read_id("template_id", text)


def read_personalisation(request: SendRequest | PreviewTemplateRequest) -> dict[str, Value]:
    """The values by name. Raises Invalid that names a value which can't be stored, or their sum if it is too long."""
    # First, as it is what bounds all that follows.
    if request.ByteSize() > MOST_PERSONALISATION:
        raise Invalid.of(
            "personalisation", Reason.CONTENT_TOO_LONG, f"personalisation is longer than {MOST_PERSONALISATION:,} bytes"
        )
    if len(request.personalisation) + len(request.personalisation_lists) > MOST_NAMES:
        raise Invalid.of(
            "personalisation", Reason.TOO_MANY_ITEMS, f"personalisation has more than {MOST_NAMES:,} names"
        )
    # The names are asked for their values: what a map's items() gives is made in Python, and takes longer.
    given: dict[str, Value] = {}
    texts = request.personalisation
    pieces: list[str] = []
    for name in texts:
        value = given[name] = texts[name]
        pieces += (name, value)
    if not is_storable("".join(pieces)):
        # One of them is at fault: only then is it worth while to look at each.
        for name in texts:
            check_text("personalisation", name)
            check_text(f"personalisation[{name}]", texts[name])
    for name in request.personalisation_lists:
        values = list(request.personalisation_lists[name].values)
        check_text("personalisation_lists", name)
        check_text(f"personalisation_lists[{name}]", "".join(values))
        if name in given:
            raise Invalid.of(
                f"personalisation_lists[{name}]", Reason.INVALID_ARGUMENT, "the name has a single value, too"
            )
        given[name] = values
    return given


def _check_reference(reference: str) -> None:
    if len(reference) <= MAX_REFERENCE and is_plain(reference):
        return
    check_text("reference", reference, max_length=MAX_REFERENCE, reason=Reason.REFERENCE_TOO_LONG)
    if len(reference.encode()) > MAX_REFERENCE_BYTES:
        raise Invalid.of(
            "reference",
            Reason.REFERENCE_TOO_LONG,
            f"reference must have at most {MAX_REFERENCE_BYTES:,} bytes in UTF-8",
        )
