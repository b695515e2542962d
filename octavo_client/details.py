"""Reads the google.rpc details of a failed call."""

from datetime import timedelta
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from octavo_client.errors import (
    BY_CODE,
    NO_METADATA,
    FieldViolation,
    OctavoError,
    QuotaExceeded,
    ServerFault,
    Unavailable,
)

_DETAILS = "grpc-status-details-bin"


def of_call(failure: grpc.RpcError) -> OctavoError:
    """The error of a call that gRPC reports as failed."""
    call: Any = failure
    code = call.code().name
    message = call.details() or code.lower().replace("_", " ")
    for key, value in call.trailing_metadata() or ():
        if key == _DETAILS:
            try:
                return of_status(status_pb2.Status.FromString(value), code=code)
            except DecodeError:
                # A proxy's details, not Octavo's: the code alone has to do.
                break
    return _error(code, code, message, {})


def of_status(status: Any, *, code: str | None = None) -> OctavoError:
    """The error that a google.rpc.Status describes: that of a call, or of one item of a batch."""
    code = code or _name(status.code)
    found: dict[type[Message], Any] = {}
    for packed in status.details:
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo):
            if packed.Is(kind.DESCRIPTOR):
                found[kind] = unpacked = kind()
                packed.Unpack(unpacked)
    info = found.get(error_details_pb2.ErrorInfo)
    return _error(code, info.reason if info else code, status.message or code, found)


def _error(code: str, reason: str, message: str, found: dict[type[Message], Any]) -> OctavoError:
    info = found.get(error_details_pb2.ErrorInfo)
    bad_request = found.get(error_details_pb2.BadRequest)
    retry = found.get(error_details_pb2.RetryInfo)
    kind = BY_CODE.get(code, ServerFault)
    if kind is QuotaExceeded and info is None:
        # Every limit of Octavo's says which it is. So it is gRPC itself, or a proxy: too much at once, for the moment.
        kind = Unavailable
    return kind(
        code,
        reason,
        message,
        field_violations=tuple(
            FieldViolation(violation.field, violation.reason, violation.description)
            for violation in (bad_request.field_violations if bad_request else ())
        ),
        retry_after=_duration(retry.retry_delay) if retry else None,
        metadata=dict(info.metadata) if info else NO_METADATA,
    )


def _duration(delay: Any) -> timedelta:
    return timedelta(seconds=delay.seconds, microseconds=delay.nanos // 1000)


def _name(code: int) -> str:
    """A status code by name; a number that is none counts as UNKNOWN, as gRPC has it."""
    try:
        return str(code_pb2.Code.Name(code))
    except ValueError:
        return "UNKNOWN"
