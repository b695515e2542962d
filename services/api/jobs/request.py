"""CreateJobRequest, read: all that can be checked without asking anybody."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from octavo.crypto import Hasher
from octavo.domain.errors import FailedPrecondition, Invalid, NotFound, Reason
from octavo.domain.ids import check_request_id, repeatable_id, uuid7
from octavo.domain.notification import KeyType, NotificationType
from octavo.domain.text import check_line
from octavo.storage.directory import Service, TemplateHead
from octavo.v1 import job_service_pb2 as pb
from services.api.fields import MAX_NAME, check_choice, check_send_at, read_id, read_time

MAX_KEY_BYTES = 1_024
"""Longest key of S3."""


@dataclass(frozen=True, slots=True)
class JobWish:
    """A job as its caller wants it."""

    id: UUID
    request_id: UUID | None
    content_hash: bytes
    template_id: UUID
    object_key: str
    etag: str
    file_name: str
    send_at: datetime | None
    reply_to: str
    sms_sender: str
    validate_only: bool


class JobReading:
    """Reads requests, with the keys that it needs. `id_key` has 16 to 64 bytes."""

    def __init__(self, hasher: Hasher, id_key: bytes) -> None:
        self._hasher = hasher
        self._id_key = id_key

    def read(
        self,
        request: pb.CreateJobRequest,
        service: Service,
        key_type: KeyType,
        now: datetime,
        randomness: bytes,
    ) -> JobWish:
        """The request, read.

        Raises Invalid that names the first field that breaks a rule which holds at any time; NotFound for a foreign key.
        """
        template_id = read_id("template_id", request.template_id)
        key = _object_key(request.object_key, service)
        check_line("etag", request.etag, max_length=MAX_NAME)
        check_line("file_name", request.file_name, max_length=MAX_NAME)
        send_at = read_time(request, "send_at")
        # What a test key sends goes nowhere: the same call with another key is another content.
        purpose = b"test job" if key_type is KeyType.TEST else b"job"
        request_id = check_request_id(request.request_id, now) if request.request_id else None
        return JobWish(
            id=repeatable_id(request_id, service.id, self._id_key) if request_id else uuid7(now, randomness),
            request_id=request_id,
            content_hash=self._hasher.content(purpose, service.id.bytes, request.SerializeToString(deterministic=True)),
            template_id=template_id,
            object_key=key,
            etag=request.etag.strip('"'),
            file_name=request.file_name,
            send_at=send_at,
            reply_to=request.reply_to,
            sms_sender=request.sms_sender,
            validate_only=request.validate_only,
        )


def check_first(wish: JobWish, service: Service, now: datetime) -> None:
    """Asks what has to hold the first time only: when a call is repeated, its time may be past and its sender gone.

    Raises Invalid that names the first field that breaks a rule.
    """
    check_send_at(wish.send_at, now)
    check_choice(service, reply_to=wish.reply_to, sms_sender=wish.sms_sender)


def check_template(wish: JobWish, service: Service, head: TemplateHead | None) -> TemplateHead:
    """The template, if it is one to send with. Raises NotFound, Invalid or FailedPrecondition."""
    if head is None or head.service_id != service.id:
        raise NotFound("template", field="template_id", reason=Reason.UNKNOWN_TEMPLATE)
    if head.archived:
        raise FailedPrecondition(Reason.ARCHIVED_TEMPLATE, "the template is archived", field="template_id")
    if wish.reply_to and head.type is not NotificationType.EMAIL:
        raise Invalid.of("reply_to", Reason.WRONG_TEMPLATE_TYPE, "reply_to is for email, and the template is not")
    if wish.sms_sender and head.type is not NotificationType.SMS:
        raise Invalid.of("sms_sender", Reason.WRONG_TEMPLATE_TYPE, "sms_sender is for SMS, and the template is not")
    return head


def _object_key(key: str, service: Service) -> str:
    if not key:
        raise Invalid.of("object_key", Reason.MISSING_FIELD, "object_key is needed")
    check_line("object_key", key)
    # Segments of dots are resolved by some clients on the way: they would lead into another service's folder.
    plain = len(key.encode()) <= MAX_KEY_BYTES and not {".", "..", ""} & set(key.split("/"))
    if not plain or not key.startswith(f"{service.id}/"):
        raise NotFound("file", field="object_key", reason=Reason.FILE_NOT_FOUND)
    return key
