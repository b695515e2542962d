"""The part of the api that the platform team and the owners of templates use, put together."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from sqlalchemy import Engine

from octavo.crypto import Hasher, Sealer
from octavo.storage.directory import Directory
from octavo.v1 import api_key_service_pb2, registry_service_pb2, template_service_pb2
from services.api.management.api_keys import ApiKeyServicer
from services.api.management.guest_list import GuestList
from services.api.management.registry import RegistryServicer
from services.api.management.templates import TemplateServicer
from services.api.management.unconfirmed import UnconfirmedSends
from services.api.serving.caller import CallerKind
from services.api.serving.server import Served
from services.api.transactions import Transactions

THREADS = 2
"""Few calls come here, and large templates take time: apart from the look-ups, so that these do not wait."""
ADMINS = frozenset({CallerKind.ADMIN})


def management(
    engine: Engine,
    directory: Directory,
    sealer: Sealer,
    hasher: Hasher,
    default_region: str,
    clock: Callable[[], datetime],
) -> Sequence[Served]:
    """The services beside sending and looking up."""
    transactions = Transactions(engine, ThreadPoolExecutor(THREADS, thread_name_prefix="management"))
    guests = GuestList(transactions, sealer, hasher, default_region, clock)
    return [
        Served(
            registry_service_pb2.DESCRIPTOR.services_by_name["RegistryService"],
            RegistryServicer(transactions, directory, guests, UnconfirmedSends(transactions, hasher), hasher, clock),
            ADMINS,
        ),
        Served(
            api_key_service_pb2.DESCRIPTOR.services_by_name["ApiKeyService"],
            ApiKeyServicer(transactions, directory, hasher, clock),
            ADMINS,
        ),
        Served(
            template_service_pb2.DESCRIPTOR.services_by_name["TemplateService"],
            TemplateServicer(transactions, directory, hasher, clock),
            frozenset({CallerKind.API, CallerKind.ADMIN}),
        ),
    ]
