import datetime

from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from octavo.v1 import notification_pb2 as _notification_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class UnconfirmedPolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNCONFIRMED_POLICY_UNSPECIFIED: _ClassVar[UnconfirmedPolicy]
    UNCONFIRMED_POLICY_FAIL: _ClassVar[UnconfirmedPolicy]
    UNCONFIRMED_POLICY_RESEND: _ClassVar[UnconfirmedPolicy]
UNCONFIRMED_POLICY_UNSPECIFIED: UnconfirmedPolicy
UNCONFIRMED_POLICY_FAIL: UnconfirmedPolicy
UNCONFIRMED_POLICY_RESEND: UnconfirmedPolicy

class Service(_message.Message):
    __slots__ = ("id", "name", "reply_to_addresses", "sms_senders", "sms_prefix", "sms_daily_limit", "email_daily_limit", "rate_per_minute", "retention_days", "trial", "suspended", "unconfirmed_policy", "created_at", "updated_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPLY_TO_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    SMS_SENDERS_FIELD_NUMBER: _ClassVar[int]
    SMS_PREFIX_FIELD_NUMBER: _ClassVar[int]
    SMS_DAILY_LIMIT_FIELD_NUMBER: _ClassVar[int]
    EMAIL_DAILY_LIMIT_FIELD_NUMBER: _ClassVar[int]
    RATE_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    RETENTION_DAYS_FIELD_NUMBER: _ClassVar[int]
    TRIAL_FIELD_NUMBER: _ClassVar[int]
    SUSPENDED_FIELD_NUMBER: _ClassVar[int]
    UNCONFIRMED_POLICY_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    reply_to_addresses: _containers.RepeatedScalarFieldContainer[str]
    sms_senders: _containers.RepeatedScalarFieldContainer[str]
    sms_prefix: bool
    sms_daily_limit: int
    email_daily_limit: int
    rate_per_minute: int
    retention_days: int
    trial: bool
    suspended: bool
    unconfirmed_policy: UnconfirmedPolicy
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., reply_to_addresses: _Optional[_Iterable[str]] = ..., sms_senders: _Optional[_Iterable[str]] = ..., sms_prefix: _Optional[bool] = ..., sms_daily_limit: _Optional[int] = ..., email_daily_limit: _Optional[int] = ..., rate_per_minute: _Optional[int] = ..., retention_days: _Optional[int] = ..., trial: _Optional[bool] = ..., suspended: _Optional[bool] = ..., unconfirmed_policy: _Optional[_Union[UnconfirmedPolicy, str]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreateServiceRequest(_message.Message):
    __slots__ = ("service",)
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    service: Service
    def __init__(self, service: _Optional[_Union[Service, _Mapping]] = ...) -> None: ...

class CreateServiceResponse(_message.Message):
    __slots__ = ("service",)
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    service: Service
    def __init__(self, service: _Optional[_Union[Service, _Mapping]] = ...) -> None: ...

class GetServiceRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetServiceResponse(_message.Message):
    __slots__ = ("service",)
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    service: Service
    def __init__(self, service: _Optional[_Union[Service, _Mapping]] = ...) -> None: ...

class UpdateServiceRequest(_message.Message):
    __slots__ = ("service", "update_mask")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    service: Service
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, service: _Optional[_Union[Service, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class UpdateServiceResponse(_message.Message):
    __slots__ = ("service",)
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    service: Service
    def __init__(self, service: _Optional[_Union[Service, _Mapping]] = ...) -> None: ...

class ListServicesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListServicesResponse(_message.Message):
    __slots__ = ("services", "next_page_token")
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    services: _containers.RepeatedCompositeFieldContainer[Service]
    next_page_token: str
    def __init__(self, services: _Optional[_Iterable[_Union[Service, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Guest(_message.Message):
    __slots__ = ("recipient", "created_at")
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    recipient: str
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, recipient: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class AddGuestsRequest(_message.Message):
    __slots__ = ("service_id", "recipients")
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    RECIPIENTS_FIELD_NUMBER: _ClassVar[int]
    service_id: str
    recipients: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, service_id: _Optional[str] = ..., recipients: _Optional[_Iterable[str]] = ...) -> None: ...

class AddGuestsResponse(_message.Message):
    __slots__ = ("guests",)
    GUESTS_FIELD_NUMBER: _ClassVar[int]
    guests: _containers.RepeatedCompositeFieldContainer[Guest]
    def __init__(self, guests: _Optional[_Iterable[_Union[Guest, _Mapping]]] = ...) -> None: ...

class RemoveGuestsRequest(_message.Message):
    __slots__ = ("service_id", "recipients")
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    RECIPIENTS_FIELD_NUMBER: _ClassVar[int]
    service_id: str
    recipients: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, service_id: _Optional[str] = ..., recipients: _Optional[_Iterable[str]] = ...) -> None: ...

class RemoveGuestsResponse(_message.Message):
    __slots__ = ("removed",)
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    removed: int
    def __init__(self, removed: _Optional[int] = ...) -> None: ...

class ListGuestsRequest(_message.Message):
    __slots__ = ("service_id", "page_size", "page_token")
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    service_id: str
    page_size: int
    page_token: str
    def __init__(self, service_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListGuestsResponse(_message.Message):
    __slots__ = ("guests", "next_page_token")
    GUESTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    guests: _containers.RepeatedCompositeFieldContainer[Guest]
    next_page_token: str
    def __init__(self, guests: _Optional[_Iterable[_Union[Guest, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListUnconfirmedSendsRequest(_message.Message):
    __slots__ = ("service_id", "page_size", "page_token")
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    service_id: str
    page_size: int
    page_token: str
    def __init__(self, service_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListUnconfirmedSendsResponse(_message.Message):
    __slots__ = ("sends", "next_page_token")
    SENDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    sends: _containers.RepeatedCompositeFieldContainer[UnconfirmedSend]
    next_page_token: str
    def __init__(self, sends: _Optional[_Iterable[_Union[UnconfirmedSend, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UnconfirmedSend(_message.Message):
    __slots__ = ("notification_id", "service_id", "type", "provider", "reason", "unconfirmed_at", "policy", "decided_at")
    NOTIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    SERVICE_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    UNCONFIRMED_AT_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    DECIDED_AT_FIELD_NUMBER: _ClassVar[int]
    notification_id: str
    service_id: str
    type: _notification_pb2.NotificationType
    provider: str
    reason: str
    unconfirmed_at: _timestamp_pb2.Timestamp
    policy: UnconfirmedPolicy
    decided_at: _timestamp_pb2.Timestamp
    def __init__(self, notification_id: _Optional[str] = ..., service_id: _Optional[str] = ..., type: _Optional[_Union[_notification_pb2.NotificationType, str]] = ..., provider: _Optional[str] = ..., reason: _Optional[str] = ..., unconfirmed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., policy: _Optional[_Union[UnconfirmedPolicy, str]] = ..., decided_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
