"""HTTP as SMS providers speak it: one POST with a time-out, and what is known when it fails.

Until a connection stands, nothing was sent: that is certain. Whatever fails later may have come after the provider took the
message, even a reset: then nobody knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import aiohttp

from octavo.domain.outcome import Temporary, Uncertain

TOTAL_SECONDS = 10.0
"""Longest call (facts of the field)."""
CONNECT_SECONDS = 4.0
"""Longest wait for a connection; well below the whole, so that running out of the whole says that there was one."""
KEEP_ALIVE_SECONDS = 10.0
"""Idle connections end before servers end them: a server that ends one just as it is used leaves us uncertain."""
LONGEST_ANSWER = 64 * 1024
LONGEST_WAIT = timedelta(days=1)
"""The longest Retry-After that is believed."""
_FORM = "application/x-www-form-urlencoded"
_LONGEST_SECONDS = int(LONGEST_WAIT.total_seconds())

OK = 200
_SUCCESS = range(200, 300)
TOO_MANY_REQUESTS = 429
GATEWAY_FAILED = frozenset({502, 504})
"""A gateway had passed the request on, and got no answer in time or none that it could read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; `whole` is false if the connection broke off inside its body."""

    status: int
    body: bytes
    whole: bool
    retry_after: timedelta | None


class HttpClient:
    """Kept-alive connections to one provider, at most so many."""

    def __init__(self, connections: int, total_seconds: float = TOTAL_SECONDS) -> None:
        self._connections = connections
        self._timeout = aiohttp.ClientTimeout(total=total_seconds, connect=min(CONNECT_SECONDS, total_seconds * 0.8))
        self._session: aiohttp.ClientSession | None = None

    async def post(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: Any = None,
    ) -> Answer | Temporary | Uncertain:
        """Posts a form or JSON, once. Never raises for what the network or the provider does."""
        session = self._open()
        data = None
        if form is not None:
            # Encoded here: aiohttp's own forms are ready to become multipart ones, which costs more than all the rest.
            headers, data = {**(headers or {}), "Content-Type": _FORM}, urlencode(form).encode()
        try:
            async with session.post(url, headers=headers, data=data, json=json, allow_redirects=False) as response:
                body, whole = await _read(response)
                return Answer(response.status, body, whole, retry_after(response.headers.get("Retry-After")))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return Temporary(f"no connection: {type(error).__name__}")
        except TimeoutError:
            return Uncertain("no answer in time")
        except (aiohttp.ClientError, OSError) as error:
            return Uncertain(f"the connection broke: {type(error).__name__}")

    async def close(self) -> None:
        """Ends the connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        # Made by the loop that uses it.
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections, ttl_dns_cache=60, keepalive_timeout=KEEP_ALIVE_SECONDS
                ),
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


async def _read(response: aiohttp.ClientResponse) -> tuple[bytes, bool]:
    """The body, or what came of it, and whether that is all."""
    body = b""
    try:
        while chunk := await response.content.readany():
            body += chunk
            if len(body) > LONGEST_ANSWER:
                return body[:LONGEST_ANSWER], False
    except (aiohttp.ClientError, TimeoutError, OSError):
        return body, False
    return body, True


def refusal(answer: Answer) -> Temporary | Uncertain:
    """A refusal that another try may get over: too many requests, the provider's failure, or a wrong set-up of ours.

    Wrong credentials are among them: five hours of retries are time to correct them, and nothing is lost meanwhile. What a
    gateway says of the provider behind it is not: it had passed the message on, and the provider may have taken it. Nor is a
    success of a kind that the provider does not document.
    """
    if answer.status in GATEWAY_FAILED or answer.status in _SUCCESS:
        return Uncertain(f"http {answer.status}")
    return Temporary(f"http {answer.status}", answer.retry_after)


def retry_after(value: str | None) -> timedelta | None:
    """The wait that a Retry-After header asks for, in seconds or as a date; None if it asks for none."""
    if not value:
        return None
    try:
        wait = timedelta(seconds=min(int(value), _LONGEST_SECONDS)) if value.strip().isdigit() else _until(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait, timedelta()), LONGEST_WAIT)


def _until(date: str) -> timedelta:
    at = parsedate_to_datetime(date)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)
