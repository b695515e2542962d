import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NotificationType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NOTIFICATION_TYPE_UNSPECIFIED: _ClassVar[NotificationType]
    NOTIFICATION_TYPE_SMS: _ClassVar[NotificationType]
    NOTIFICATION_TYPE_EMAIL: _ClassVar[NotificationType]

class NotificationStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NOTIFICATION_STATUS_UNSPECIFIED: _ClassVar[NotificationStatus]
    NOTIFICATION_STATUS_SCHEDULED: _ClassVar[NotificationStatus]
    NOTIFICATION_STATUS_CREATED: _ClassVar[NotificationStatus]
    NOTIFICATION_STATUS_SENDING: _ClassVar[NotificationStatus]
    NOTIFICATION_STATUS_PENDING: _ClassVar[NotificationStatus]
    NOTIFICATION_STATUS_SENT: _ClassVar[NotificationStatus]
    NOTIFICATION_STATUS_DELIVERED: _ClassVar[NotificationStatus]
    NOTIFICATION_STATUS_TEMPORARY_FAILURE: _ClassVar[NotificationStatus]
    NOTIFICATION_STATUS_PERMANENT_FAILURE: _ClassVar[NotificationStatus]
    NOTIFICATION_STATUS_TECHNICAL_FAILURE: _ClassVar[NotificationStatus]
    NOTIFICATION_STATUS_CANCELLED: _ClassVar[NotificationStatus]

class KeyType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KEY_TYPE_UNSPECIFIED: _ClassVar[KeyType]
    KEY_TYPE_LIVE: _ClassVar[KeyType]
    KEY_TYPE_TEAM: _ClassVar[KeyType]
    KEY_TYPE_TEST: _ClassVar[KeyType]

class SmsEncoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SMS_ENCODING_UNSPECIFIED: _ClassVar[SmsEncoding]
    SMS_ENCODING_GSM7: _ClassVar[SmsEncoding]
    SMS_ENCODING_UCS2: _ClassVar[SmsEncoding]
NOTIFICATION_TYPE_UNSPECIFIED: NotificationType
NOTIFICATION_TYPE_SMS: NotificationType
NOTIFICATION_TYPE_EMAIL: NotificationType
NOTIFICATION_STATUS_UNSPECIFIED: NotificationStatus
NOTIFICATION_STATUS_SCHEDULED: NotificationStatus
NOTIFICATION_STATUS_CREATED: NotificationStatus
NOTIFICATION_STATUS_SENDING: NotificationStatus
NOTIFICATION_STATUS_PENDING: NotificationStatus
NOTIFICATION_STATUS_SENT: NotificationStatus
NOTIFICATION_STATUS_DELIVERED: NotificationStatus
NOTIFICATION_STATUS_TEMPORARY_FAILURE: NotificationStatus
NOTIFICATION_STATUS_PERMANENT_FAILURE: NotificationStatus
NOTIFICATION_STATUS_TECHNICAL_FAILURE: NotificationStatus
NOTIFICATION_STATUS_CANCELLED: NotificationStatus
KEY_TYPE_UNSPECIFIED: KeyType
KEY_TYPE_LIVE: KeyType
KEY_TYPE_TEAM: KeyType
KEY_TYPE_TEST: KeyType
SMS_ENCODING_UNSPECIFIED: SmsEncoding
SMS_ENCODING_GSM7: SmsEncoding
SMS_ENCODING_UCS2: SmsEncoding

class TextList(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, values: _Optional[_Iterable[str]] = ...) -> None: ...

class StatusChange(_message.Message):
    __slots__ = ("status", "at", "reason")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    status: NotificationStatus
    at: _timestamp_pb2.Timestamp
    reason: str
    def __init__(self, status: _Optional[_Union[NotificationStatus, str]] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class Notification(_message.Message):
    __slots__ = ("id", "service_id", "type", "status", "body", "subject", "template_id", "template_version", "reference", "recipient", "key_type", "parts", "encoding", "created_at", "send_at", "sent_at", "completed_at", "provider", "provider_reference", "attempts", "status_reason", "history", "job_id", "job_row", "unconfirmed", "complained_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_VERSION_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    KEY_TYPE_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    SEND_AT_FIELD_NUMBER: _ClassVar[int]
    SENT_AT_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_AT_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    STATUS_REASON_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_ROW_FIELD_NUMBER: _ClassVar[int]
    UNCONFIRMED_FIELD_NUMBER: _ClassVar[int]
    COMPLAINED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    service_id: str
    type: NotificationType
    status: NotificationStatus
    body: str
    subject: str
    template_id: str
    template_version: int
    reference: str
    recipient: str
    key_type: KeyType
    parts: int
    encoding: SmsEncoding
    created_at: _timestamp_pb2.Timestamp
    send_at: _timestamp_pb2.Timestamp
    sent_at: _timestamp_pb2.Timestamp
    completed_at: _timestamp_pb2.Timestamp
    provider: str
    provider_reference: str
    attempts: int
    status_reason: str
    history: _containers.RepeatedCompositeFieldContainer[StatusChange]
    job_id: str
    job_row: int
    unconfirmed: bool
    complained_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., service_id: _Optional[str] = ..., type: _Optional[_Union[NotificationType, str]] = ..., status: _Optional[_Union[NotificationStatus, str]] = ..., body: _Optional[str] = ..., subject: _Optional[str] = ..., template_id: _Optional[str] = ..., template_version: _Optional[int] = ..., reference: _Optional[str] = ..., recipient: _Optional[str] = ..., key_type: _Optional[_Union[KeyType, str]] = ..., parts: _Optional[int] = ..., encoding: _Optional[_Union[SmsEncoding, str]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., send_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., sent_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., completed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., provider: _Optional[str] = ..., provider_reference: _Optional[str] = ..., attempts: _Optional[int] = ..., status_reason: _Optional[str] = ..., history: _Optional[_Iterable[_Union[StatusChange, _Mapping]]] = ..., job_id: _Optional[str] = ..., job_row: _Optional[int] = ..., unconfirmed: _Optional[bool] = ..., complained_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
