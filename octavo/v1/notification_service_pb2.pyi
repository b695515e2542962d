import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from octavo.v1 import notification_pb2 as _notification_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SendSmsRequest(_message.Message):
    __slots__ = ("template_id", "phone_number", "personalisation", "personalisation_lists", "reference", "request_id", "send_at", "sms_sender")
    class PersonalisationEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class PersonalisationListsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _notification_pb2.TextList
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_notification_pb2.TextList, _Mapping]] = ...) -> None: ...
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    PERSONALISATION_FIELD_NUMBER: _ClassVar[int]
    PERSONALISATION_LISTS_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SEND_AT_FIELD_NUMBER: _ClassVar[int]
    SMS_SENDER_FIELD_NUMBER: _ClassVar[int]
    template_id: str
    phone_number: str
    personalisation: _containers.ScalarMap[str, str]
    personalisation_lists: _containers.MessageMap[str, _notification_pb2.TextList]
    reference: str
    request_id: str
    send_at: _timestamp_pb2.Timestamp
    sms_sender: str
    def __init__(self, template_id: _Optional[str] = ..., phone_number: _Optional[str] = ..., personalisation: _Optional[_Mapping[str, str]] = ..., personalisation_lists: _Optional[_Mapping[str, _notification_pb2.TextList]] = ..., reference: _Optional[str] = ..., request_id: _Optional[str] = ..., send_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., sms_sender: _Optional[str] = ...) -> None: ...

class SendSmsResponse(_message.Message):
    __slots__ = ("id", "body", "template_id", "template_version", "reference", "parts", "encoding", "send_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_VERSION_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    SEND_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    body: str
    template_id: str
    template_version: int
    reference: str
    parts: int
    encoding: _notification_pb2.SmsEncoding
    send_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., body: _Optional[str] = ..., template_id: _Optional[str] = ..., template_version: _Optional[int] = ..., reference: _Optional[str] = ..., parts: _Optional[int] = ..., encoding: _Optional[_Union[_notification_pb2.SmsEncoding, str]] = ..., send_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SendEmailRequest(_message.Message):
    __slots__ = ("template_id", "email_address", "personalisation", "personalisation_lists", "reference", "request_id", "send_at", "reply_to")
    class PersonalisationEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class PersonalisationListsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _notification_pb2.TextList
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_notification_pb2.TextList, _Mapping]] = ...) -> None: ...
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    EMAIL_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PERSONALISATION_FIELD_NUMBER: _ClassVar[int]
    PERSONALISATION_LISTS_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SEND_AT_FIELD_NUMBER: _ClassVar[int]
    REPLY_TO_FIELD_NUMBER: _ClassVar[int]
    template_id: str
    email_address: str
    personalisation: _containers.ScalarMap[str, str]
    personalisation_lists: _containers.MessageMap[str, _notification_pb2.TextList]
    reference: str
    request_id: str
    send_at: _timestamp_pb2.Timestamp
    reply_to: str
    def __init__(self, template_id: _Optional[str] = ..., email_address: _Optional[str] = ..., personalisation: _Optional[_Mapping[str, str]] = ..., personalisation_lists: _Optional[_Mapping[str, _notification_pb2.TextList]] = ..., reference: _Optional[str] = ..., request_id: _Optional[str] = ..., send_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reply_to: _Optional[str] = ...) -> None: ...

class SendEmailResponse(_message.Message):
    __slots__ = ("id", "body", "subject", "template_id", "template_version", "reference", "send_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_VERSION_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    SEND_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    body: str
    subject: str
    template_id: str
    template_version: int
    reference: str
    send_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., body: _Optional[str] = ..., subject: _Optional[str] = ..., template_id: _Optional[str] = ..., template_version: _Optional[int] = ..., reference: _Optional[str] = ..., send_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SendBatchRequest(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[BatchItem]
    def __init__(self, items: _Optional[_Iterable[_Union[BatchItem, _Mapping]]] = ...) -> None: ...

class BatchItem(_message.Message):
    __slots__ = ("sms", "email")
    SMS_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    sms: SendSmsRequest
    email: SendEmailRequest
    def __init__(self, sms: _Optional[_Union[SendSmsRequest, _Mapping]] = ..., email: _Optional[_Union[SendEmailRequest, _Mapping]] = ...) -> None: ...

class SendBatchResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchResult]
    def __init__(self, results: _Optional[_Iterable[_Union[BatchResult, _Mapping]]] = ...) -> None: ...

class BatchResult(_message.Message):
    __slots__ = ("sms", "email", "error")
    SMS_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    sms: SendSmsResponse
    email: SendEmailResponse
    error: _status_pb2.Status
    def __init__(self, sms: _Optional[_Union[SendSmsResponse, _Mapping]] = ..., email: _Optional[_Union[SendEmailResponse, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class GetNotificationRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetNotificationResponse(_message.Message):
    __slots__ = ("notification",)
    NOTIFICATION_FIELD_NUMBER: _ClassVar[int]
    notification: _notification_pb2.Notification
    def __init__(self, notification: _Optional[_Union[_notification_pb2.Notification, _Mapping]] = ...) -> None: ...

class ListNotificationsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "type", "statuses", "template_id", "reference", "job_id", "created_from", "created_before", "recipient")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_FROM_FIELD_NUMBER: _ClassVar[int]
    CREATED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    type: _notification_pb2.NotificationType
    statuses: _containers.RepeatedScalarFieldContainer[_notification_pb2.NotificationStatus]
    template_id: str
    reference: str
    job_id: str
    created_from: _timestamp_pb2.Timestamp
    created_before: _timestamp_pb2.Timestamp
    recipient: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., type: _Optional[_Union[_notification_pb2.NotificationType, str]] = ..., statuses: _Optional[_Iterable[_Union[_notification_pb2.NotificationStatus, str]]] = ..., template_id: _Optional[str] = ..., reference: _Optional[str] = ..., job_id: _Optional[str] = ..., created_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., recipient: _Optional[str] = ...) -> None: ...

class ListNotificationsResponse(_message.Message):
    __slots__ = ("notifications", "next_page_token")
    NOTIFICATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    notifications: _containers.RepeatedCompositeFieldContainer[_notification_pb2.Notification]
    next_page_token: str
    def __init__(self, notifications: _Optional[_Iterable[_Union[_notification_pb2.Notification, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelNotificationRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class CancelNotificationResponse(_message.Message):
    __slots__ = ("notification",)
    NOTIFICATION_FIELD_NUMBER: _ClassVar[int]
    notification: _notification_pb2.Notification
    def __init__(self, notification: _Optional[_Union[_notification_pb2.Notification, _Mapping]] = ...) -> None: ...

class WatchNotificationsRequest(_message.Message):
    __slots__ = ("notification_id", "resume_token")
    NOTIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    notification_id: str
    resume_token: str
    def __init__(self, notification_id: _Optional[str] = ..., resume_token: _Optional[str] = ...) -> None: ...

class WatchNotificationsResponse(_message.Message):
    __slots__ = ("notification_id", "type", "reference", "change", "resume_token")
    NOTIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    notification_id: str
    type: _notification_pb2.NotificationType
    reference: str
    change: _notification_pb2.StatusChange
    resume_token: str
    def __init__(self, notification_id: _Optional[str] = ..., type: _Optional[_Union[_notification_pb2.NotificationType, str]] = ..., reference: _Optional[str] = ..., change: _Optional[_Union[_notification_pb2.StatusChange, _Mapping]] = ..., resume_token: _Optional[str] = ...) -> None: ...

class GetStatisticsRequest(_message.Message):
    __slots__ = ("from_day", "to_day", "template_id", "type")
    FROM_DAY_FIELD_NUMBER: _ClassVar[int]
    TO_DAY_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    from_day: str
    to_day: str
    template_id: str
    type: _notification_pb2.NotificationType
    def __init__(self, from_day: _Optional[str] = ..., to_day: _Optional[str] = ..., template_id: _Optional[str] = ..., type: _Optional[_Union[_notification_pb2.NotificationType, str]] = ...) -> None: ...

class GetStatisticsResponse(_message.Message):
    __slots__ = ("lines",)
    LINES_FIELD_NUMBER: _ClassVar[int]
    lines: _containers.RepeatedCompositeFieldContainer[StatisticsLine]
    def __init__(self, lines: _Optional[_Iterable[_Union[StatisticsLine, _Mapping]]] = ...) -> None: ...

class StatisticsLine(_message.Message):
    __slots__ = ("day", "template_id", "type", "status", "count")
    DAY_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    day: str
    template_id: str
    type: _notification_pb2.NotificationType
    status: _notification_pb2.NotificationStatus
    count: int
    def __init__(self, day: _Optional[str] = ..., template_id: _Optional[str] = ..., type: _Optional[_Union[_notification_pb2.NotificationType, str]] = ..., status: _Optional[_Union[_notification_pb2.NotificationStatus, str]] = ..., count: _Optional[int] = ...) -> None: ...
