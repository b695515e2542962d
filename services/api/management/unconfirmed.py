"""The unconfirmed sends of all services, for the platform team."""

from typing import Any

from sqlalchemy import Connection, Row

from octavo.crypto import Hasher
from octavo.domain.notification import NotificationType
from octavo.storage import registry
from octavo.storage.columns import TYPE
from octavo.storage.due import UNCONFIRMED_WAIT
from octavo.storage.unconfirmed import list_unconfirmed
from octavo.v1 import registry_service_pb2 as pb
from services.api.fields import read_id, read_page_size, written_time
from services.api.management.service_settings import POLICY
from services.api.page_token import ALL_SERVICES, PageTokens
from services.api.transactions import Transactions


class UnconfirmedSends:
    """Lists them."""

    def __init__(self, transactions: Transactions, hasher: Hasher) -> None:
        self._transactions = transactions
        self._tokens = PageTokens(hasher)

    async def list(self, request: pb.ListUnconfirmedSendsRequest) -> pb.ListUnconfirmedSendsResponse:
        """A page, newest first. Raises NotFound for a service that does not exist."""
        service_id = read_id("service_id", request.service_id) if request.service_id else None
        size = read_page_size(request.page_size)
        before = self._tokens.read(service_id or ALL_SERVICES, request)

        def work(connection: Connection) -> pb.ListUnconfirmedSendsResponse:
            if service_id:
                registry.get_service(connection, service_id, field="service_id")
            rows = list_unconfirmed(connection, service_id, before, size + 1)
            page = rows[:size]
            more = self._tokens.write(service_id or ALL_SERVICES, request, page[-1].id) if len(rows) > size else ""
            return pb.ListUnconfirmedSendsResponse(sends=[_shown(row) for row in page], next_page_token=more)

        return await self._transactions.run(work)


def _shown(row: Row[Any]) -> pb.UnconfirmedSend:
    return pb.UnconfirmedSend(
        notification_id=str(row.id),
        service_id=str(row.service_id),
        type=TYPE[NotificationType(row.notification_type)],
        provider=row.provider or "",
        reason=row.status_reason or "",
        unconfirmed_at=written_time(row.unconfirmed_at),
        policy=POLICY[row.unconfirmed_policy],
        decided_at=written_time(row.unconfirmed_at + UNCONFIRMED_WAIT),
    )
