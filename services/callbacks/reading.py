"""Reading requests from strangers: a whole request within seconds, no body larger than its door, few connections.

aiohttp has no limit for the time that headers take, so each connection watches its own clock.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from octavo.telemetry import metrics

READ_SECONDS = 10.0
"""From the first byte of a request, or the opening of its connection, to the last byte of its body."""
IDLE_SECONDS = 75.0
NO_DOOR = "unknown"
"""Stands for the provider where none is known."""
NO_DOOR_REFUSALS = ("unknown-path", "too-slow", "too-many-connections", "no-http")
LINGER_SECONDS = 1.0
"""How long the rest of a refused body is read and thrown away, so that the answer arrives before the connection ends."""


class TooLarge(Exception):  # noqa: N818 - it describes the body
    """The body is larger than allowed."""


class BrokenOff(Exception):  # noqa: N818 - it describes the body
    """The body is no HTTP, or its connection ended inside it."""


class WatchedConnection(RequestHandler):
    """A connection that ends when a request takes too long to arrive."""

    __slots__ = ("_clock", "_since")

    def __init__(self, manager: web.Server, **kwargs: Any) -> None:
        super().__init__(manager, **kwargs)
        # One clock for all requests of a connection: it looks, now and then, since when one is being waited for.
        self._clock: asyncio.TimerHandle | None = None
        self._since: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Waits for a request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Waits for the rest of a request from its first byte on."""
        if self._since is None:
            self._wait()
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Waits for nothing more."""
        self.arrived()
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
        super().connection_lost(exc)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """The answer to what is no HTTP: counted, without a word to strangers and without their words in the logs."""
        if status >= 500:  # noqa: PLR2004 - a mistake of ours
            super().handle_error(request, status, exc, message)
        else:
            metrics.RECEIPTS_REFUSED.labels(NO_DOOR, "no-http").inc()
        response = web.Response(status=status)
        response.force_close()
        return response

    def arrived(self) -> None:
        """Says that the request is there, or that no more of it is wanted."""
        self._since = None

    def _wait(self) -> None:
        self._since = self._loop.time()
        if self._clock is None:
            self._clock = self._loop.call_later(READ_SECONDS, self._look)

    def _look(self) -> None:
        self._clock = None
        if self._since is None:
            return
        left = self._since + READ_SECONDS - self._loop.time()
        if left > 0:
            self._clock = self._loop.call_later(left, self._look)
            return
        metrics.RECEIPTS_REFUSED.labels(NO_DOOR, "too-slow").inc()
        if self.transport is not None:
            self.transport.abort()


class WatchedServer(web.Server):
    """Makes watched connections, up to a number; knows how many requests are in hand."""

    def __init__(self, handler: Callable[[Any], Awaitable[web.StreamResponse]], connections: int) -> None:
        super().__init__(self._handle)
        self._most = connections
        self._answer = handler
        self._in_hand = 0
        self._ending = False

    async def finish(self) -> None:
        """Ends each connection with its next answer, and returns once what has begun to come is answered.

        No new connection may come meanwhile.
        """
        self._ending = True
        async with asyncio.timeout(READ_SECONDS):
            # It happens once in a process's life: not worth an event that every request would have to look after.
            while self._in_hand:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def _handle(self, request: Any) -> web.StreamResponse:
        self._in_hand += 1
        try:
            response = await self._answer(request)
        finally:
            self._in_hand -= 1
        if self._ending:
            response.force_close()
        return response

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Takes a connection, or ends it when there are too many."""
        super().connection_made(handler, transport)
        if len(self._connections) > self._most:
            metrics.RECEIPTS_REFUSED.labels(NO_DOOR, "too-many-connections").inc()
            transport.abort()

    def __call__(self) -> RequestHandler:
        """A connection."""
        return WatchedConnection(
            self,
            loop=self._loop,
            access_log=None,
            keepalive_timeout=IDLE_SECONDS,
            lingering_time=LINGER_SECONDS,
            # A compressed body is not read: a small one could become a large one.
            auto_decompress=False,
        )


async def whole_body(request: web.BaseRequest, limit: int) -> bytes:
    """The body. Raises TooLarge as soon as it is known to exceed the limit, without reading more; BrokenOff if it has no end."""
    if (request.content_length or 0) > limit:
        raise TooLarge
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = b""
    try:
        while chunk := await request.content.readany():
            body += chunk
            if len(body) > limit:
                raise TooLarge
            if request.content.at_eof():
                break
    except (web.RequestPayloadError, HttpProcessingError, ConnectionError) as error:
        raise BrokenOff from error
    arrived(request)
    return body


def arrived(request: web.BaseRequest) -> None:
    """Waits no longer for a request that is there, or no more of which is wanted."""
    connection = request.protocol
    if isinstance(connection, WatchedConnection):
        connection.arrived()
