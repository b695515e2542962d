"""A client of Octavo: sends email and SMS, and tells what became of them.

docs/client.md shows how:

with Client("octavo:50051", key) as octavo:
    sent = octavo.send_sms(template_id, "+447700900001", {"name": "Ann"})
    octavo.wait(sent.id)
"""

from octavo_client.client import AdminClient, Client
from octavo_client.errors import (
    Aborted,
    AlreadyExists,
    DeadlineExceeded,
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    NotFound,
    OctavoError,
    PermissionDenied,
    QuotaExceeded,
    ServerFault,
    Unauthenticated,
    Unavailable,
)
from octavo_client.job_values import CsvFile, Job, JobStatus, RowProblem, StatusCount
from octavo_client.jobs import Jobs
from octavo_client.managed import (
    ApiKey,
    Guest,
    NewApiKey,
    Preview,
    Service,
    ServiceSettings,
    Template,
    UnconfirmedPolicy,
    UnconfirmedSend,
)
from octavo_client.paging import Items
from octavo_client.request_id import new_request_id
from octavo_client.templates import Templates
from octavo_client.values import (
    Change,
    Email,
    Filter,
    KeyType,
    Notification,
    NotificationType,
    Personalisation,
    Sent,
    Sms,
    SmsEncoding,
    StatisticsLine,
    Status,
    StatusChange,
)

__all__ = [
    "Aborted",
    "AdminClient",
    "AlreadyExists",
    "ApiKey",
    "Change",
    "Client",
    "CsvFile",
    "DeadlineExceeded",
    "Email",
    "FailedPrecondition",
    "FieldViolation",
    "Filter",
    "Guest",
    "InvalidArgument",
    "Items",
    "Job",
    "JobStatus",
    "Jobs",
    "KeyType",
    "NewApiKey",
    "NotFound",
    "Notification",
    "NotificationType",
    "OctavoError",
    "PermissionDenied",
    "Personalisation",
    "Preview",
    "QuotaExceeded",
    "RowProblem",
    "Sent",
    "ServerFault",
    "Service",
    "ServiceSettings",
    "Sms",
    "SmsEncoding",
    "StatisticsLine",
    "Status",
    "StatusChange",
    "StatusCount",
    "Template",
    "Templates",
    "Unauthenticated",
    "Unavailable",
    "UnconfirmedPolicy",
    "UnconfirmedSend",
    "new_request_id",
]
