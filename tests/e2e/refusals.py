"""Calls that are refused, one for each reason that a client can meet, and each with canaries in it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from os import urandom
from typing import Any
from uuid import uuid4

import grpc
from google.rpc import error_details_pb2 as details
from google.rpc import status_pb2

from deploy.local.demo.account import bearer
from octavo.domain.ids import uuid7
from octavo.domain.reason import Reason
from octavo.v1 import api_key_service_pb2 as keys
from octavo.v1 import job_service_pb2 as jobs
from octavo.v1 import notification_pb2 as common
from octavo.v1 import notification_service_pb2 as pb
from octavo.v1 import registry_service_pb2 as registry
from octavo.v1 import template_service_pb2 as templates
from tests.e2e.callers import VALUES, Api, Service
from tests.e2e.canaries import ADDRESS, CODE, NAME, NUMBER, WORD, WRONG_KEY

Call = Callable[[], Any]
LONG = f"{NAME} " * 400
TRAILER = "grpc-status-details-bin"


def of_callers(api: Api, service: Service) -> Iterator[Call]:
    """Who is nobody, or somebody else."""
    send = api.notifications.SendSms
    for metadata in (
        None,
        bearer(WRONG_KEY),
        bearer(WORD * 1_000),
        bearer(service.key + WORD),
        (*service.metadata, *bearer(WRONG_KEY)),
        (("authorization", f"Basic {WORD}"),),
    ):
        yield partial(send, service.sms(), metadata=metadata, timeout=30)
    revoked = api.service()
    request = keys.RevokeApiKeyRequest(service_id=revoked.id, id=revoked.key_id)
    api.as_admin(api.keys, "RevokeApiKey", request)
    # Known keys are asked for again now and then: until it is, the revoked one may still be good for a send.
    yield lambda: [send(revoked.sms(), metadata=revoked.metadata, timeout=30) for _ in range(10_000)]
    named = registry.Service(name=f"Birds {WORD}")
    yield lambda: service.call("CreateService", registry.CreateServiceRequest(service=named))
    raw: Any = api.channel
    for method, data in (("SendSms", f"\x0a{NAME}".encode()), (WORD, b"")):
        yield partial(
            raw.unary_unary(f"/octavo.v1.NotificationService/{method}"), data, metadata=service.metadata, timeout=30
        )


def of_recipients(service: Service) -> Iterator[Call]:
    """Recipients that are none."""
    for number in (
        f"{NUMBER}471471471471",
        "07700 9OO471",
        "0770090",
        "+999 7700900471",
        "09098790471",
        "+8816471471",
        "0800 7700900471",
        f"{NUMBER};{WORD}",
        f"{NUMBER},{NUMBER}",
        "",
    ):
        yield partial(service.send, service.sms(phone_number=number))
    for address in (
        f"{ADDRESS}\r\nBcc: {ADDRESS}",
        f"{WORD}@",
        f"{WORD}.{'a' * 330}@{WORD}.example",
        f"{NAME} <{ADDRESS}>",
        "",
    ):
        yield partial(service.send, service.email(email_address=address))
    yield lambda: service.call("ListNotifications", pb.ListNotificationsRequest(recipient=f"{WORD}@@{WORD}"))


def of_contents(service: Service) -> Iterator[Call]:
    """Personalisation that makes no text to send, and fields that break a rule."""
    lists = {"name": common.TextList(values=[NAME, CODE])}
    soon = datetime.now(UTC) + timedelta(days=30)
    for fields in (
        {"personalisation": {"name": NAME}},
        {"personalisation": VALUES | {"name": f"{NAME}\0"}},
        {"personalisation": VALUES | {"name": LONG}},
        {"personalisation_lists": lists},
        {"template_id": NAME},
        {"template_id": service.email_template_id},
        {"template_id": str(uuid4())},
        {"sms_sender": WORD},
        {"send_at": soon},
        {"reference": LONG},
        {"request_id": WORD},
        {"request_id": str(uuid7(datetime.now(UTC) - timedelta(days=2), urandom(10)))},
    ):
        yield partial(service.send, service.sms(**fields))
    for fields in (
        {"personalisation": VALUES | {"name": f"{NAME}\r\nBcc: {ADDRESS}"}},
        {"personalisation": VALUES | {"name": NAME * 300_000}},
        {"reply_to": ADDRESS},
    ):
        yield partial(service.send, service.email(**fields))
    request_id = str(uuid7(datetime.now(UTC), urandom(10)))
    service.send(service.sms(request_id=request_id))
    other = service.sms(request_id=request_id, personalisation=VALUES | {"name": f"{NAME} the other"})
    yield lambda: service.send(other)
    yield lambda: service.call(
        "PreviewTemplate",
        templates.PreviewTemplateRequest(
            id=service.sms_template_id, personalisation={"name": NAME}, personalisation_lists=lists
        ),
    )


def of_lookups(service: Service) -> Iterator[Call]:
    """Questions that can't be answered."""
    for request in (
        pb.ListNotificationsRequest(page_size=-1, recipient=NUMBER),
        pb.ListNotificationsRequest(page_token=WORD, recipient=NUMBER),
        pb.ListNotificationsRequest(type=77, recipient=ADDRESS),  # type: ignore[arg-type]
    ):
        yield partial(service.call, "ListNotifications", request)
    yield lambda: service.call("GetNotification", pb.GetNotificationRequest(id=str(uuid4())))
    yield lambda: service.call("GetNotification", pb.GetNotificationRequest(id=NAME))
    yield lambda: service.call("WatchNotifications", pb.WatchNotificationsRequest(resume_token=WORD))


def of_services(api: Api) -> Iterator[Call]:
    """Services that may not send this, or not to them, or not so much."""
    suspended = api.service(suspended=True)
    yield lambda: suspended.send(suspended.sms())
    trial = api.service(trial=True)
    yield lambda: trial.send(trial.sms())
    team = api.service(common.KEY_TYPE_TEAM)
    yield lambda: team.send(team.email())
    limited = api.service(sms_daily_limit=1)
    yield lambda: [limited.send(limited.sms()) for _ in range(2)]
    slow = api.service(rate_per_minute=1)
    yield lambda: [slow.send(slow.email()) for _ in range(5)]
    archived = api.service()
    request = templates.ArchiveTemplateRequest(id=archived.sms_template_id, service_id=archived.id)
    api.as_admin(api.templates, "ArchiveTemplate", request)
    yield lambda: archived.send(archived.sms())
    guests = registry.AddGuestsRequest(service_id=trial.id, recipients=[NUMBER, ADDRESS, f"{WORD}@@", "09098790471"])
    yield lambda: api.as_admin(api.registry, "AddGuests", guests)


def of_jobs(service: Service) -> Iterator[Call]:
    """Files that no job can be made of."""
    row = f"{NUMBER},{NAME},{CODE}\n"
    for text in (
        "",
        row * 3,
        f"phone number,name,{NAME},{NAME}\n{row}",
        f"phone number,name,name,code\n{row}",
        "phone number,name,code\n",
        f'phone number,name,code\n{NUMBER},"{NAME},{CODE}\n',
    ):
        yield partial(service.job, text.encode())
    missing = jobs.CreateJobRequest(
        template_id=service.sms_template_id, object_key=f"{service.id}/{uuid4()}", etag=WORD, file_name="birds.csv"
    )
    yield lambda: service.call("CreateJob", missing)
    yield lambda: service.call("GetJob", jobs.GetJobRequest(id=str(uuid4())))


EXPECTED = frozenset(
    {
        Reason.UNAUTHENTICATED, Reason.FORBIDDEN, Reason.SERVICE_SUSPENDED, Reason.NOT_FOUND, Reason.INVALID_ARGUMENT,
        Reason.MISSING_FIELD, Reason.INVALID_ID, Reason.INVALID_ENUM, Reason.INVALID_TEXT, Reason.INVALID_PAGE_SIZE,
        Reason.INVALID_PAGE_TOKEN, Reason.INVALID_RESUME_TOKEN, Reason.REFERENCE_TOO_LONG, Reason.HEADER_INJECTION,
        Reason.UNKNOWN_TEMPLATE, Reason.WRONG_TEMPLATE_TYPE, Reason.ARCHIVED_TEMPLATE, Reason.MISSING_PERSONALISATION,
        Reason.CONTENT_TOO_LONG, Reason.INVALID_RECIPIENT, Reason.RECIPIENT_NOT_A_NUMBER, Reason.RECIPIENT_TOO_SHORT,
        Reason.RECIPIENT_TOO_LONG, Reason.RECIPIENT_LETTERS, Reason.RECIPIENT_UNKNOWN_COUNTRY,
        Reason.RECIPIENT_PREMIUM_RATE, Reason.RECIPIENT_SATELLITE, Reason.RECIPIENT_NOT_ALLOWED,
        Reason.REQUEST_ID_NOT_UUID7, Reason.REQUEST_ID_OUT_OF_RANGE, Reason.REQUEST_ID_REUSED,
        Reason.SEND_AT_OUT_OF_RANGE, Reason.UNKNOWN_REPLY_TO, Reason.UNKNOWN_SMS_SENDER, Reason.DAILY_LIMIT_EXCEEDED,
        Reason.RATE_LIMIT_EXCEEDED, Reason.UNKNOWN_JOB, Reason.FILE_NOT_FOUND, Reason.FILE_EMPTY, Reason.FILE_UNREADABLE,
        Reason.DUPLICATE_COLUMN, Reason.MISSING_COLUMN,
    }
)  # fmt: skip
"""Reasons that these calls come to, so that none of them is refused for another reason than it is meant for."""


def text_of(error: grpc.RpcError) -> bytes:
    """All that a refusal tells its client."""
    trailers: Any = error.trailing_metadata() or ()
    parts = [error.details() or "", *(name for name, _ in trailers)]
    return b"\n".join([part.encode() for part in parts] + [_bytes(value) for _, value in trailers])


def reasons_of(error: grpc.RpcError) -> set[str]:
    """The reasons in it, that of each field among them."""
    trailers: Any = error.trailing_metadata() or ()
    found: set[str] = set()
    for name, value in trailers:
        if name == TRAILER:
            for packed in status_pb2.Status.FromString(value).details:
                info, request = details.ErrorInfo(), details.BadRequest()
                if packed.Unpack(info):
                    found.add(info.reason)
                if packed.Unpack(request):
                    found |= {violation.reason for violation in request.field_violations}
    return found


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
