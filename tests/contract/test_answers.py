"""Every answer of every provider means what docs/providers.md says, and one send is one request."""

import re
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from octavo.domain.notification import Status
from octavo.domain.outcome import Accepted, Outcome, Permanent, Temporary, Uncertain
from octavo.providers.registry import PROVIDERS
from tests.contract.bench import Bench
from tests.contract.dialects import DIALECTS, THEIRS, new_reference
from tests.contract.scripted import Play, Reply, answers, breaks_inside, hangs_up, is_silent, resets

PAGE = Path(__file__).parents[2] / "docs/providers.md"
SHORT = 0.6
"""Seconds that a client waits where it is to wait in vain."""


async def answered(bench: Bench, play: Play, seconds: float = 10.0) -> Outcome:
    """What a send ends in when the server plays this; the server got it once."""
    bench.server.play = play
    outcome = await bench.send(bench.client(seconds=seconds))
    assert len(bench.server.requests) == 1
    return outcome


def by_status(status: int, **headers: str) -> Callable[..., Awaitable[Outcome]]:
    return lambda bench: answered(bench, answers(bench.dialect.failure(status, headers)))


async def refused_connection(bench: Bench) -> Outcome:
    with socket.socket() as nobody:
        # Bound and not listening: connections are refused, and no other program takes the port.
        nobody.bind(("127.0.0.1", 0))
        return await bench.send(bench.client(f"http://127.0.0.1:{nobody.getsockname()[1]}"))


async def unanswered_connection(bench: Bench) -> Outcome:
    with ExitStack() as opened:
        busy = opened.enter_context(socket.socket())
        busy.bind(("127.0.0.1", 0))
        busy.listen(0)
        # Nobody accepts: once the queue is full the kernel lets further attempts wait.
        for _ in range(4):
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003
            waiting.connect_ex(busy.getsockname())
        return await bench.send(bench.client(f"http://127.0.0.1:{busy.getsockname()[1]}", seconds=SHORT))


async def stalled(bench: Bench) -> Outcome:
    async def play(_request, writer) -> None:
        writer.write(bench.dialect.accepted.encoded(10_000))
        await writer.drain()
        await writer.wait_closed()

    return await answered(bench, play, SHORT)


SITUATIONS: dict[str, Callable[..., Awaitable[Outcome]]] = {
    "accepts": lambda bench: answered(bench, answers(bench.dialect.accepted)),
    "refuses the recipient": lambda bench: answered(bench, answers(bench.dialect.refuses_the_recipient)),
    "refuses the request": lambda bench: answered(bench, answers(bench.dialect.refuses_the_request)),
    "refuses our credentials": lambda bench: answered(bench, answers(bench.dialect.refuses_our_credentials)),
    "answers 202": by_status(202),
    "answers 429": by_status(429),
    "answers 500": by_status(500),
    "answers 502": by_status(502),
    "answers 503": by_status(503),
    "answers 504": by_status(504),
    "answers 503 with what nobody can read": lambda bench: answered(bench, answers(Reply(503, b"<html>"))),
    "redirects": by_status(302, Location="/elsewhere"),
    "refuses the connection": refused_connection,
    "does not answer to a connection": unanswered_connection,
    "resets the connection before an answer": lambda bench: answered(bench, resets),
    "closes the connection before an answer": lambda bench: answered(bench, hangs_up),
    "does not answer in time": lambda bench: answered(bench, is_silent, SHORT),
    "accepts, and breaks off inside the answer": lambda bench: answered(bench, breaks_inside(bench.dialect.accepted)),
    "accepts, and stalls inside the answer": stalled,
    "answers 200 with what nobody can read": lambda bench: answered(bench, answers(Reply(200, b"<html>\xff"))),
}


def class_of(outcome: Outcome) -> str:
    """The word of the table."""
    match outcome:
        case Accepted():
            return "accepted"
        case Temporary():
            return "temporary"
        case Permanent(status=Status.PERMANENT_FAILURE):
            return "permanent-failure"
        case Permanent():
            return "technical-failure"
        case Uncertain():
            return "uncertain"


def table() -> dict[tuple[str, str], str]:
    """The table of the page: situation and provider, and what that comes to."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.read_text().splitlines() if "|" in line
    ]
    (_, *providers), _, *rest = rows
    return {(row[0], name): word for row in rest for name, word in zip(providers, row[1:], strict=True)}


def test_the_page_tells_of_every_provider_and_every_situation():
    assert {name for _, name in table()} == set(PROVIDERS) == set(DIALECTS)
    assert {situation for situation, _ in table()} == set(SITUATIONS)


@pytest.mark.parametrize(("situation", "name", "means"), [(*key, word) for key, word in table().items()])
async def test_an_answer_means_what_the_page_says(bench_of, situation, name, means):
    assert class_of(await SITUATIONS[situation](bench_of(name))) == means


async def test_the_provider_gets_our_reference_and_we_get_its_own(bench):
    bench.server.play = answers(bench.dialect.accepted)
    reference = new_reference()

    assert await bench.send(bench.client(), reference) == Accepted(THEIRS)

    (request,) = bench.server.requests
    assert bench.dialect.reference_in(request) == str(reference)


@pytest.mark.parametrize("status", [429, 503])
async def test_a_wait_in_seconds_is_kept(bench, status):
    outcome = await answered(bench, answers(bench.dialect.failure(status, {"Retry-After": "90"})))

    assert isinstance(outcome, Temporary)
    assert outcome.retry_after == timedelta(seconds=90)


async def test_a_wait_until_a_date_is_kept(bench):
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    outcome = await answered(bench, answers(bench.dialect.failure(429, {"Retry-After": date})))

    assert isinstance(outcome, Temporary)
    assert outcome.retry_after is not None
    assert timedelta(seconds=60) < outcome.retry_after <= timedelta(seconds=90)


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("soon", None),
        ("", None),
        ("-5", None),
        ("99999999999999999999", timedelta(days=1)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", timedelta()),
    ],
)
async def test_a_wait_that_makes_no_sense_does_no_harm(bench, asked, kept):
    outcome = await answered(bench, answers(bench.dialect.failure(429, {"Retry-After": asked})))

    assert isinstance(outcome, Temporary)
    assert outcome.retry_after == kept


async def test_a_kept_alive_connection_that_breaks_is_not_tried_again(bench):
    client = bench.client()
    bench.server.play = answers(bench.dialect.accepted)
    await bench.send(client)
    bench.server.play = resets

    assert class_of(await bench.send(client)) == "uncertain"
    assert len(bench.server.requests) == 2


async def test_a_connection_that_the_provider_has_ended_costs_no_message(bench):
    client = bench.client()

    async def answers_once(request, writer):
        await answers(bench.dialect.accepted)(request, writer)
        writer.write_eof()

    bench.server.play = answers_once
    for number in range(3):
        assert class_of(await bench.send(client)) == "accepted"
        assert len(bench.server.requests) == number + 1
        if bench.name != "ses":
            # boto3 looks at a connection when it needs it next, aiohttp lets it go at once.
            await bench.server.until_disconnected()


@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
async def test_reasons_hold_no_words_of_strangers(bench, status):
    words = "jo@example.com 447700900123 \x1b[31m"
    said = Reply(
        status, re.sub(rb": \"[^\"]*\"", b': "' + words.encode() + b'"', bench.dialect.failure(status, {}).body)
    )

    outcome = await answered(bench, answers(said))

    assert isinstance(outcome, Temporary | Permanent)
    assert "447700900123" not in outcome.reason
    assert "@" not in outcome.reason


async def test_a_message_of_the_other_kind_is_a_mistake_of_ours(bench, bench_of):
    other = bench_of("ses" if bench.name != "ses" else "mmg")

    with pytest.raises(TypeError):
        await bench.client().send(other.dialect.message(new_reference()))
    assert bench.server.requests == []
