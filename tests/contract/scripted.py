"""A real HTTP server that plays a script: it answers, stalls, or breaks off as told, and keeps each request it got."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

# Lingering for no time makes the kernel answer with a reset in place of an orderly end.
RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Request:
    """What a provider gets."""

    line: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The object in its body."""
        given = json.loads(self.body)
        assert isinstance(given, dict)
        return given

    def form(self) -> dict[str, str]:
        """The form in its body."""
        return dict(parse_qsl(self.body.decode(), strict_parsing=True))


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self, declared: int) -> bytes:
        """On the wire, as if its body had so many bytes."""
        headers = {"Content-Type": "application/json", "Content-Length": str(declared), **self.headers}
        lines = [f"HTTP/1.1 {self.status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


Play = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


def answers(reply: Reply) -> Play:
    """Answers."""

    async def play(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(reply.encoded(len(reply.body)))
        await writer.drain()

    return play


def breaks_inside(reply: Reply) -> Play:
    """Begins to answer, and ends the connection in the middle of the body."""
    half = Reply(reply.status, reply.body[: len(reply.body) // 2], reply.headers)

    async def play(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(half.encoded(len(reply.body)))
        await writer.drain()
        writer.close()

    return play


async def resets(_request: Request, writer: asyncio.StreamWriter) -> None:
    """Takes the request, and resets the connection without a word."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


async def hangs_up(_request: Request, writer: asyncio.StreamWriter) -> None:
    """Takes the request, and ends the connection in good order without a word."""
    writer.close()


async def is_silent(_request: Request, writer: asyncio.StreamWriter) -> None:
    """Takes the request, and never answers."""
    await writer.wait_closed()


class ScriptedServer:
    """Listens on a free port of this machine; `play` decides what each request comes to."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.play: Play = is_silent
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024, limit=8 * 1024 * 1024)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self.disconnect()
        await self._server.wait_closed()

    async def disconnect(self) -> None:
        """Ends every connection, whatever happens on it."""
        for writer in list(self._writers):
            writer.transport.abort()
        # Each connection's task ends once its transport is gone.
        while self._writers:  # noqa: ASYNC110
            await asyncio.sleep(0)

    async def until_disconnected(self) -> None:
        """Returns once there is no connection; fails after some seconds."""
        async with asyncio.timeout(5):
            # A condition has no event to wait for: connections end by themselves.
            while self._writers:  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while not writer.is_closing():
                request = await _read(reader, writer)
                self.requests.append(request)
                await self.play(request, writer)
        except (OSError, asyncio.IncompleteReadError):
            # The client has gone.
            pass
        finally:
            writer.close()
            self._writers.discard(writer)


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *rest = head.rstrip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest)}
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return Request(line, headers, await reader.readexactly(int(headers.get("content-length", "0"))))
