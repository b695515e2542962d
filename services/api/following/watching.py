"""WatchNotifications: a stream of moves, in the order of their transactions, that goes on after any of them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Engine

from octavo.domain.errors import Invalid, Reason
from octavo.domain.notification import FINAL
from octavo.storage import changes
from octavo.storage.changes import BEGINNING, Move, Position
from octavo.storage.columns import STATUS, TYPE
from octavo.storage.directory import ApiKey, Service
from octavo.v1 import notification_pb2
from octavo.v1 import notification_service_pb2 as pb
from services.api.fields import read_id, written_time
from services.api.following.lookups import PATIENCE_SECONDS, Lookups
from services.api.following.moves import Moves
from services.api.inforce import CHECK_SECONDS, InForce
from services.api.known import Known
from services.api.question import within
from services.api.resume_token import ResumeTokens

AT_ONCE = 500

Begun = Callable[[str], Awaitable[object]]
"""Told once, with the token of the place where the stream begins."""


@dataclass(slots=True)
class _Stream:
    service_id: UUID
    notification_id: UUID | None
    in_force: InForce
    place: Position
    horizon: int
    settled: bool


class Watching:
    """Serves streams."""

    def __init__(
        self,
        engine: Engine,
        threads: ThreadPoolExecutor,
        moves: Moves,
        lookups: Lookups,
        known: Known,
        tokens: ResumeTokens,
    ) -> None:
        self._engine = engine
        self._threads = threads
        self._moves = moves
        self._lookups = lookups
        self._known = known
        self._tokens = tokens

    async def watch(
        self, request: pb.WatchNotificationsRequest, service: Service, key: ApiKey, begun: Begun
    ) -> AsyncGenerator[pb.WatchNotificationsResponse, None]:
        """The moves, until the notification is settled, or until the client has had enough.

        Raises Invalid, NotFound, LimitExceeded for a stream too many, Unauthenticated once the key is revoked, Unavailable when
        the process stops or the database is away: the client resumes elsewhere, or later.
        """
        wanted = read_id("notification_id", request.notification_id) if request.notification_id else None
        place = self._tokens.read(service.id, wanted, request.resume_token) if request.resume_token else None
        self._moves.enter(service.id)
        try:
            if wanted is not None:
                await self._lookups.arrived("notification_id", wanted, service)
            stream = await self._begin(service, key, wanted, place)
            await begun(self._token(stream))
            while True:
                async for move in self._until_horizon(stream):
                    yield self._shown(stream, move)
                if stream.settled:
                    return
                await self._next_horizon(stream)
        finally:
            self._moves.leave(service.id)

    async def _begin(self, service: Service, key: ApiKey, wanted: UUID | None, place: Position | None) -> _Stream:
        horizon = await self._moves.now()
        if place is None:
            place = Position(horizon) if wanted is None else BEGINNING
        if place.transaction > horizon:
            raise Invalid.of(
                "resume_token", Reason.INVALID_RESUME_TOKEN, "resume_token was given out by another database"
            )
        # What was settled before the token was written moves no more, but for corrections that came since.
        settled = wanted is not None and place.status in FINAL
        return _Stream(service.id, wanted, InForce(self._known, key.id), place, horizon, settled)

    async def _until_horizon(self, stream: _Stream) -> AsyncIterator[Move]:
        page: list[Move] | None = None
        while page is None or len(page) == AT_ONCE:
            self._moves.check()
            await stream.in_force.check()
            asked = asyncio.get_running_loop().run_in_executor(
                self._threads,
                changes.moves_between,
                self._engine,
                stream.service_id,
                stream.notification_id,
                stream.place,
                stream.horizon,
                AT_ONCE,
            )
            page = await within(asked, PATIENCE_SECONDS)
            for move in page:
                stream.place = move.position
                stream.settled |= stream.notification_id is not None and move.status in FINAL
                yield move

    async def _next_horizon(self, stream: _Stream) -> None:
        """Waits until something moved."""
        while True:
            with suppress(TimeoutError):
                stream.horizon = await asyncio.wait_for(
                    self._moves.beyond(stream.service_id, stream.horizon), CHECK_SECONDS
                )
                return
            await stream.in_force.check()

    def _token(self, stream: _Stream) -> str:
        return self._tokens.write(stream.service_id, stream.notification_id, stream.place)

    def _shown(self, stream: _Stream, move: Move) -> pb.WatchNotificationsResponse:
        return pb.WatchNotificationsResponse(
            notification_id=str(move.position.notification_id),
            type=TYPE[move.type],
            reference=move.reference,
            change=notification_pb2.StatusChange(
                status=STATUS[move.status], at=written_time(move.position.at), reason=move.reason
            ),
            resume_token=self._token(stream),
        )
