"""octavo.v1.ApiKeyService: the platform team makes and revokes the keys of services."""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from octavo import keys
from octavo.crypto import Hasher
from octavo.domain.errors import Unavailable
from octavo.domain.ids import uuid7
from octavo.domain.notification import KeyType
from octavo.storage import api_keys, registry
from octavo.storage.columns import KEY_TYPE, KEY_TYPE_OF
from octavo.storage.directory import Directory
from octavo.v1 import api_key_service_pb2 as pb
from services.api.fields import read_id, read_name, read_needed_enum, read_page_size, written_time
from services.api.page_token import PageTokens
from services.api.serving.calls import Context
from services.api.transactions import Transactions


class ApiKeyServicer:
    """Makes, lists and revokes keys."""

    def __init__(
        self, transactions: Transactions, directory: Directory, hasher: Hasher, clock: Callable[[], datetime]
    ) -> None:
        self._transactions = transactions
        self._directory = directory
        self._tokens = PageTokens(hasher)
        self._clock = clock

    async def CreateApiKey(  # noqa: N802 - gRPC's name
        self, request: pb.CreateApiKeyRequest, _context: Context
    ) -> pb.CreateApiKeyResponse:
        """Makes a key. Its secret is in the answer, and nowhere else."""
        secret = keys.new_secret()
        key = api_keys.NewKey(
            id=uuid7(self._clock(), os.urandom(10)),
            service_id=read_id("service_id", request.service_id),
            name=read_name("name", request.name),
            key_type=read_needed_enum(KEY_TYPE_OF, "type", request.type),
            secret_hash=keys.hash_secret(secret),
        )

        def work(connection: Connection) -> Row[Any]:
            registry.get_service(connection, key.service_id, field="service_id")
            return api_keys.insert_key(connection, key)

        row = await self._transactions.run(work)
        return pb.CreateApiKeyResponse(api_key=_shown(row), secret=keys.written(key.id, secret))

    async def ListApiKeys(self, request: pb.ListApiKeysRequest, _context: Context) -> pb.ListApiKeysResponse:  # noqa: N802
        """Shows a page of a service's keys, newest first."""
        service_id = read_id("service_id", request.service_id)
        size = read_page_size(request.page_size)
        before = self._tokens.read(service_id, request)

        def work(connection: Connection) -> pb.ListApiKeysResponse:
            registry.get_service(connection, service_id, field="service_id")
            rows = api_keys.list_keys(connection, service_id, before, size + 1)
            page = rows[:size]
            return pb.ListApiKeysResponse(
                api_keys=[_shown(row) for row in page],
                next_page_token=self._tokens.write(service_id, request, page[-1].id) if len(rows) > size else "",
            )

        return await self._transactions.run(work)

    async def RevokeApiKey(  # noqa: N802
        self, request: pb.RevokeApiKeyRequest, _context: Context
    ) -> pb.RevokeApiKeyResponse:
        """Revokes a key: here at once, elsewhere when what is known there gets old, which is within ten seconds."""
        service_id, key_id = read_id("service_id", request.service_id), read_id("id", request.id)
        row = await self._transactions.run(
            lambda connection: api_keys.revoke_key(connection, service_id, key_id), lambda: self._renew(key_id)
        )
        return pb.RevokeApiKeyResponse(api_key=_shown(row))

    def _renew(self, key_id: UUID) -> None:
        with suppress(Unavailable):
            self._directory.keys.refresh([key_id])


def _shown(row: Row[Any]) -> pb.ApiKey:
    return pb.ApiKey(
        id=str(row.id),
        service_id=str(row.service_id),
        name=row.name,
        type=KEY_TYPE[KeyType(row.key_type)],
        created_at=written_time(row.created_at),
        revoked_at=written_time(row.revoked_at),
        last_used_at=written_time(row.last_used_at),
    )
