"""Calls that manage services, their guest lists and their API keys. They need the admin key."""

from collections.abc import Sequence
from typing import Unpack

from google.protobuf.field_mask_pb2 import FieldMask

from octavo.v1 import api_key_service_pb2 as keys_pb
from octavo.v1 import api_key_service_pb2_grpc as keys_grpc
from octavo.v1 import registry_service_pb2 as pb
from octavo.v1 import registry_service_pb2_grpc as pb_grpc
from octavo_client.call import Caller
from octavo_client.managed import ApiKey, Guest, NewApiKey, Service, ServiceSettings, UnconfirmedSend
from octavo_client.paging import Items, paged
from octavo_client.reading import enum_number, read
from octavo_client.values import KeyType

_POLICY = pb.Service.DESCRIPTOR.fields_by_name["unconfirmed_policy"]
_KEY_TYPE = keys_pb.CreateApiKeyRequest.DESCRIPTOR.fields_by_name["type"]


class Services:
    """RegistryService. Every method raises OctavoError."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._stub = pb_grpc.RegistryServiceStub(caller.channel)

    def create(self, name: str, **settings: Unpack[ServiceSettings]) -> Service:
        """Onboards a service. Not repeated after a lost answer: look whether it is there (its name is unique)."""
        request = pb.CreateServiceRequest(service=_service(settings, name=name))
        return read(Service, self._caller(self._stub.CreateService, request, repeatable=False).service)

    def get(self, service_id: str) -> Service:
        """One service."""
        return read(Service, self._caller(self._stub.GetService, pb.GetServiceRequest(id=service_id)).service)

    def update(self, service_id: str, *, name: str | None = None, **settings: Unpack[ServiceSettings]) -> Service:
        """Changes what is given, and nothing else. In force everywhere within 10 seconds."""
        names = [*(["name"] if name is not None else []), *settings]
        request = pb.UpdateServiceRequest(
            service=_service(settings, service_id=service_id, name=name or ""), update_mask=FieldMask(paths=names)
        )
        return read(Service, self._caller(self._stub.UpdateService, request).service)

    def list(self, *, page_size: int = 0, page_token: str = "") -> Items[Service]:
        """All services, newest first."""
        request = pb.ListServicesRequest(page_size=page_size)
        return paged(self._caller, self._stub.ListServices, request, "services", Service, page_token=page_token)

    def add_guests(self, service_id: str, recipients: Sequence[str]) -> tuple[Guest, ...]:
        """Adds at most 100 numbers and addresses to a guest list; all, or none if one is not valid. Answers them normalised."""
        request = pb.AddGuestsRequest(service_id=service_id, recipients=recipients)
        return tuple(read(Guest, guest) for guest in self._caller(self._stub.AddGuests, request).guests)

    def remove_guests(self, service_id: str, recipients: Sequence[str]) -> int:
        """Takes at most 100 recipients off a guest list; how many were on it, or 0 if a lost answer made it ask again."""
        request = pb.RemoveGuestsRequest(service_id=service_id, recipients=recipients)
        return int(self._caller(self._stub.RemoveGuests, request).removed)

    def guests(self, service_id: str, *, page_size: int = 0, page_token: str = "") -> Items[Guest]:
        """The guest list of a service, newest first."""
        request = pb.ListGuestsRequest(service_id=service_id, page_size=page_size)
        return paged(self._caller, self._stub.ListGuests, request, "guests", Guest, page_token=page_token)

    def unconfirmed(self, service_id: str = "", *, page_size: int = 0, page_token: str = "") -> Items[UnconfirmedSend]:
        """The sends that a provider may have, without a clear answer, of a service or of all: those accepted last first."""
        request = pb.ListUnconfirmedSendsRequest(service_id=service_id, page_size=page_size)
        method = self._stub.ListUnconfirmedSends
        return paged(self._caller, method, request, "sends", UnconfirmedSend, page_token=page_token)


class ApiKeys:
    """ApiKeyService. Every method raises OctavoError."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._stub = keys_grpc.ApiKeyServiceStub(caller.channel)

    def create(self, service_id: str, name: str, type: KeyType | str) -> NewApiKey:  # noqa: A002 - its name in the API.
        """Makes a key. Not repeated after a lost answer: revoke the key of this name, if there is one, and make another."""
        request = keys_pb.CreateApiKeyRequest(service_id=service_id, name=name, type=enum_number(_KEY_TYPE, type))
        return read(NewApiKey, self._caller(self._stub.CreateApiKey, request, repeatable=False))

    def list(self, service_id: str, *, page_size: int = 0, page_token: str = "") -> Items[ApiKey]:
        """The keys of a service, newest first, the revoked ones too."""
        request = keys_pb.ListApiKeysRequest(service_id=service_id, page_size=page_size)
        return paged(self._caller, self._stub.ListApiKeys, request, "api_keys", ApiKey, page_token=page_token)

    def revoke(self, service_id: str, key_id: str) -> ApiKey:
        """Revokes a key for good: in force everywhere within 10 seconds."""
        request = keys_pb.RevokeApiKeyRequest(service_id=service_id, id=key_id)
        return read(ApiKey, self._caller(self._stub.RevokeApiKey, request).api_key)


def _service(settings: ServiceSettings, *, service_id: str = "", name: str = "") -> pb.Service:
    made = pb.Service(id=service_id, name=name)
    for field, value in settings.items():
        if field == "unconfirmed_policy":
            made.unconfirmed_policy = enum_number(_POLICY, settings["unconfirmed_policy"])
        elif isinstance(value, Sequence):
            getattr(made, field).extend(value)
        else:
            setattr(made, field, value)
    return made
