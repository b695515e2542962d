"""Errors as clients see them: a gRPC status with google.rpc details. The one place that knows both sides."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as details
from google.rpc.status_pb2 import Status

from octavo.domain import errors
from octavo.domain.errors import Reason

DOMAIN = "octavo"
TRAILER = "grpc-status-details-bin"
RETRY_AFTER = timedelta(seconds=1)

CODES: dict[type[errors.OctavoError], grpc.StatusCode] = {
    errors.Invalid: grpc.StatusCode.INVALID_ARGUMENT,
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.Forbidden: grpc.StatusCode.PERMISSION_DENIED,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    errors.LimitExceeded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
}

# Clients refuse trailers above 8 KiB by default: many long names of placeholders must not turn into an error of transport.
_MOST_MESSAGE = 500
_MOST_DETAILS = 3_000
_MOST_NAME = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """An error ready to be answered with."""

    code: grpc.StatusCode
    message: str
    status: Status

    @property
    def trailers(self) -> tuple[tuple[str, bytes], ...]:
        """What carries the details."""
        return ((TRAILER, self.status.SerializeToString()),)


def answer(error: errors.OctavoError) -> Answer:
    """How an error of ours is answered. One that is no client's business is INTERNAL, without details."""
    for kind in type(error).__mro__:
        if kind in CODES:
            return _answer(CODES[kind], _message(error), list(_details(error)))
    return internal("")


def internal(error_id: str) -> Answer:
    """The answer to what should never happen: an id to find it by in the logs, and nothing else."""
    packed = [_info(Reason.INTERNAL, {"error_id": error_id} if error_id else {})]
    return _answer(grpc.StatusCode.INTERNAL, f"internal error {error_id}".strip(), packed)


def _answer(code: grpc.StatusCode, message: str, packed: list[Message]) -> Answer:
    status = Status(code=code.value[0], message=message)
    for detail in packed:
        wrapped = Any()
        wrapped.Pack(detail)
        status.details.append(wrapped)
    return Answer(code, message, status)


def _message(error: errors.OctavoError) -> str:
    text = _writable(str(getattr(error, "message", "")))
    written = text.encode()
    if len(written) <= _MOST_MESSAGE:
        return text
    return written[: _MOST_MESSAGE - 3].decode(errors="ignore") + "…"


def _writable(text: str) -> str:
    """The text, with ? for halves of surrogate pairs, which nothing can carry: names of columns may hold some."""
    return text.encode(errors="replace").decode()


def _details(error: errors.OctavoError) -> Iterable[Message]:
    if isinstance(error, errors.Unavailable):
        yield _info(error.reason, {})
        yield _retry(error.retry_after or RETRY_AFTER)
        return
    if not isinstance(error, errors.Rejected):
        return
    metadata = dict(error.metadata)
    if error.field:
        metadata["field"] = _writable(error.field[:_MOST_NAME])
    yield _info(error.reason, metadata)
    if isinstance(error, errors.Invalid):
        yield _bad_request(error.violations)
    if isinstance(error, errors.LimitExceeded):
        violation = details.QuotaFailure.Violation(subject=error.subject, description=error.message)
        yield details.QuotaFailure(violations=[violation])
        if error.retry_after is not None:
            yield _retry(error.retry_after)


def _info(reason: Reason, metadata: dict[str, str]) -> Message:
    info: Message = details.ErrorInfo(reason=reason.value, domain=DOMAIN, metadata=metadata)
    return info


def _retry(after: timedelta) -> Message:
    delay = Duration()
    delay.FromTimedelta(after)
    info: Message = details.RetryInfo(retry_delay=delay)
    return info


def _bad_request(violations: Iterable[errors.Violation]) -> Message:
    request = details.BadRequest()
    size = 0
    for violation in violations:
        field = _writable(violation.field[:_MOST_NAME])
        description = _writable(violation.description[:_MOST_NAME])
        size += len(field.encode()) + len(description.encode()) + len(violation.reason) + 12
        if size > _MOST_DETAILS:
            break
        request.field_violations.add(field=field, description=description, reason=violation.reason.value)
    result: Message = request
    return result
