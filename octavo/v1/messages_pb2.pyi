from octavo.v1 import notification_pb2 as _notification_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SealedContent(_message.Message):
    __slots__ = ("notification_id", "recipient", "personalisation", "personalisation_lists", "sms_prefix")
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
    NOTIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    PERSONALISATION_FIELD_NUMBER: _ClassVar[int]
    PERSONALISATION_LISTS_FIELD_NUMBER: _ClassVar[int]
    SMS_PREFIX_FIELD_NUMBER: _ClassVar[int]
    notification_id: bytes
    recipient: str
    personalisation: _containers.ScalarMap[str, str]
    personalisation_lists: _containers.MessageMap[str, _notification_pb2.TextList]
    sms_prefix: str
    def __init__(self, notification_id: _Optional[bytes] = ..., recipient: _Optional[str] = ..., personalisation: _Optional[_Mapping[str, str]] = ..., personalisation_lists: _Optional[_Mapping[str, _notification_pb2.TextList]] = ..., sms_prefix: _Optional[str] = ...) -> None: ...

class NotificationMessage(_message.Message):
    __slots__ = ("id", "service_id", "type", "template_id", "template_version", "key_type", "sealed", "recipient_hash", "content_hash", "reference", "created_at_micros", "send_at_micros", "reply_to", "sms_sender", "job_id", "job_row", "parts", "encoding")
    ID_FIELD_NUMBER: _ClassVar[int]
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_VERSION_FIELD_NUMBER: _ClassVar[int]
    KEY_TYPE_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_HASH_FIELD_NUMBER: _ClassVar[int]
    CONTENT_HASH_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_MICROS_FIELD_NUMBER: _ClassVar[int]
    SEND_AT_MICROS_FIELD_NUMBER: _ClassVar[int]
    REPLY_TO_FIELD_NUMBER: _ClassVar[int]
    SMS_SENDER_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_ROW_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    id: bytes
    service_id: bytes
    type: _notification_pb2.NotificationType
    template_id: bytes
    template_version: int
    key_type: _notification_pb2.KeyType
    sealed: bytes
    recipient_hash: bytes
    content_hash: bytes
    reference: str
    created_at_micros: int
    send_at_micros: int
    reply_to: str
    sms_sender: str
    job_id: bytes
    job_row: int
    parts: int
    encoding: _notification_pb2.SmsEncoding
    def __init__(self, id: _Optional[bytes] = ..., service_id: _Optional[bytes] = ..., type: _Optional[_Union[_notification_pb2.NotificationType, str]] = ..., template_id: _Optional[bytes] = ..., template_version: _Optional[int] = ..., key_type: _Optional[_Union[_notification_pb2.KeyType, str]] = ..., sealed: _Optional[bytes] = ..., recipient_hash: _Optional[bytes] = ..., content_hash: _Optional[bytes] = ..., reference: _Optional[str] = ..., created_at_micros: _Optional[int] = ..., send_at_micros: _Optional[int] = ..., reply_to: _Optional[str] = ..., sms_sender: _Optional[str] = ..., job_id: _Optional[bytes] = ..., job_row: _Optional[int] = ..., parts: _Optional[int] = ..., encoding: _Optional[_Union[_notification_pb2.SmsEncoding, str]] = ...) -> None: ...

class JobMessage(_message.Message):
    __slots__ = ("job_id", "service_id")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: bytes
    service_id: bytes
    def __init__(self, job_id: _Optional[bytes] = ..., service_id: _Optional[bytes] = ...) -> None: ...

class ReceiptMessage(_message.Message):
    __slots__ = ("provider", "notification_id", "provider_reference", "status", "reason", "occurred_at_micros", "received_at_micros", "complaint")
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    NOTIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_MICROS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_MICROS_FIELD_NUMBER: _ClassVar[int]
    COMPLAINT_FIELD_NUMBER: _ClassVar[int]
    provider: str
    notification_id: bytes
    provider_reference: str
    status: _notification_pb2.NotificationStatus
    reason: str
    occurred_at_micros: int
    received_at_micros: int
    complaint: bool
    def __init__(self, provider: _Optional[str] = ..., notification_id: _Optional[bytes] = ..., provider_reference: _Optional[str] = ..., status: _Optional[_Union[_notification_pb2.NotificationStatus, str]] = ..., reason: _Optional[str] = ..., occurred_at_micros: _Optional[int] = ..., received_at_micros: _Optional[int] = ..., complaint: _Optional[bool] = ...) -> None: ...
