"""Counts of a service's notifications."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta

from octavo.domain.errors import Invalid, Reason
from octavo.domain.limits import day_of
from octavo.storage.columns import STATUS, TYPE, TYPE_OF
from octavo.storage.directory import Service
from octavo.storage.statistics import Line, Wanted, read_statistics
from octavo.v1 import notification_service_pb2 as pb
from services.api.fields import read_enum, read_id
from services.api.transactions import Transactions

USUAL = timedelta(days=7)
"""How far back the range goes if its beginning is not given."""
LONGEST = timedelta(days=366)
_DAY = re.compile(r"(?:19[7-9]\d|[2-9]\d{3})-\d{2}-\d{2}", re.ASCII)


class Statistics:
    """Reads counts."""

    def __init__(self, transactions: Transactions, clock: Callable[[], datetime]) -> None:
        self._transactions = transactions
        self._clock = clock

    async def get(self, request: pb.GetStatisticsRequest, service: Service) -> pb.GetStatisticsResponse:
        """The counts. Raises Invalid that names the field which can't be read."""
        today = day_of(self._clock())
        to_day = _read_day("to_day", request.to_day) or today
        from_day = _read_day("from_day", request.from_day) or max(to_day - USUAL, date(1970, 1, 1))
        if from_day > to_day:
            raise Invalid.of("from_day", Reason.INVALID_RANGE, "from_day comes after to_day")
        if to_day - from_day >= LONGEST:
            raise Invalid.of("from_day", Reason.INVALID_RANGE, f"more than {LONGEST.days} days lie in the range")
        wanted = Wanted(
            service.id,
            from_day,
            to_day,
            template_id=read_id("template_id", request.template_id) if request.template_id else None,
            type=read_enum(TYPE_OF, "type", request.type) if request.type else None,
        )
        lines = await self._transactions.run(lambda connection: read_statistics(connection, wanted, today))
        return pb.GetStatisticsResponse(lines=[_shown(line) for line in lines])


def _read_day(field: str, value: str) -> date | None:
    if not value:
        return None
    try:
        return date.fromisoformat(value if _DAY.fullmatch(value) else "")
    except ValueError:
        raise Invalid.of(field, Reason.INVALID_TIMESTAMP, f"{field} must be a day as YYYY-MM-DD") from None


def _shown(line: Line) -> pb.StatisticsLine:
    return pb.StatisticsLine(
        day=line.day.isoformat(),
        template_id=str(line.template_id),
        type=TYPE[line.type],
        status=STATUS[line.status],
        count=line.count,
    )
