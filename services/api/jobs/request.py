"""CreateJobRequest, read: all that can be checked without asking anybody."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from octavo.crypto import Hasher
from octavo.domain.errors import FailedPrecondition, Invalid, NotFound, Reason
from octavo.domain.ids import check_request_id, repeatable_id, uuid7
from octavo.domain.notification import KeyType, NotificationType
from octavo.domain.text import check_line
from octavo.domain.violations import Violations
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

        Raises Invalid with every fault of it, if it breaks a rule which holds at any time; NotFound for a foreign key.
        """
        try:
            template_id = read_id("template_id", request.template_id)
            _check_key(request.object_key)
            check_line("etag", request.etag, max_length=MAX_NAME)
            check_line("file_name", request.file_name, max_length=MAX_NAME)
            send_at = read_time(request, "send_at")
            # What a test key sends goes nowhere: the same call with another key is another content.
            purpose = b"test job" if key_type is KeyType.TEST else b"job"
            request_id = check_request_id(request.request_id, now) if request.request_id else None
            _check_owner(request.object_key, service)
            return JobWish(
                id=repeatable_id(request_id, service.id, self._id_key) if request_id else uuid7(now, randomness),
                request_id=request_id,
                content_hash=self._hasher.content(
                    purpose, service.id.bytes, request.SerializeToString(deterministic=True)
                ),
                template_id=template_id,
                object_key=request.object_key,
                etag=request.etag.strip('"'),
                file_name=request.file_name,
                send_at=send_at,
                reply_to=request.reply_to,
                sms_sender=request.sms_sender,
                validate_only=request.validate_only,
            )
        except Invalid:
            _tell_all(request, service, now)
            raise


def check_first(wish: JobWish, service: Service, now: datetime) -> None:
    """Asks what has to hold the first time only: when a call is repeated, its time may be past and its sender gone.

    Raises Invalid with every field that breaks a rule.
    """
    faults = Violations()
    _ask_first(faults, wish, wish.send_at, service, now)
    faults.tell()


def _tell_all(request: pb.CreateJobRequest, service: Service, now: datetime) -> None:
    """Raises Invalid with all that is wrong, if anything is."""
    faults = Violations()
    faults.read(read_id, "template_id", request.template_id)
    faults.read(_check_key, request.object_key)
    faults.read(check_line, "etag", request.etag, max_length=MAX_NAME)
    faults.read(check_line, "file_name", request.file_name, max_length=MAX_NAME)
    send_at = faults.read(read_time, request, "send_at")
    if request.request_id:
        faults.read(check_request_id, request.request_id, now)
    _ask_first(faults, request, send_at, service, now)
    faults.tell()


def _ask_first(
    faults: Violations, wish: JobWish | pb.CreateJobRequest, send_at: datetime | None, service: Service, now: datetime
) -> None:
    faults.read(check_send_at, send_at, now)
    faults.read(check_choice, service, reply_to=wish.reply_to)
    faults.read(check_choice, service, sms_sender=wish.sms_sender)


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


def _check_key(key: str) -> None:
    if not key:
        raise Invalid.of("object_key", Reason.MISSING_FIELD, "object_key is needed")
    check_line("object_key", key)


def _check_owner(key: str, service: Service) -> None:
    # Segments of dots are resolved by some clients on the way: they would lead into another service's folder.
    plain = len(key.encode()) <= MAX_KEY_BYTES and not {".", "..", ""} & set(key.split("/"))
    if not plain or not key.startswith(f"{service.id}/"):
        raise NotFound("file", field="object_key", reason=Reason.FILE_NOT_FOUND)
