"""`python -m octavo.replay`: publishes dead letters once more on the topic that they came from, once they can be handled.

Each batch is published, then passed. Killed in between, the next run repeats that batch at most, which does no harm: a record
that comes twice makes one row, one claim and one move.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated, Protocol

import typer

from octavo import topics
from octavo.domain.errors import Invalid, Malformed, Unavailable
from octavo.loading import load, refuse
from octavo.messaging import Record, Sink
from octavo.messaging.dead import origin_of, revived
from octavo.messaging.kafka import KafkaSink
from octavo.messaging.kafka.dead_letters import DeadLetters
from octavo.messaging.kafka.size import check_sizes
from octavo.messaging.security import KafkaConnection

TIMES = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]


class Letters(Protocol):
    """Dead letters that nobody has passed yet."""

    def batches(self) -> Iterator[Sequence[Record]]:
        """All of them, in order. Raises Unavailable."""

    def passed(self, batch: Sequence[Record]) -> None:
        """Remembers that these are done. Raises Unavailable."""


def replayed(letters: Letters, sink: Sink, topic: str) -> Iterator[int]:
    """Publishes the originals, batch by batch, and yields how many were in each. What is no dead letter of the topic is told.

    Raises Unavailable; what was yielded by then is done.
    """
    for batch in letters.batches():
        originals = []
        for letter in batch:
            try:
                originals.append(_original(letter, topic))
            except (Malformed, Invalid) as error:
                # Passed over, or it would keep all behind it from ever being replayed; it stays where it is.
                typer.echo(f"left: {_place(letter)}: {error}", err=True)
        sink.publish(originals)
        letters.passed(batch)
        yield len(originals)


def listed(letters: Letters) -> Iterator[str]:
    """A line for each: topic, partition, offset, when it died, and why; at last a line for each reason. No personal data."""
    reasons: Counter[str] = Counter()
    for batch in letters.batches():
        for letter in batch:
            reason = _reason(letter)
            reasons[reason] += 1
            yield f"{_place(letter)} {datetime.fromtimestamp(letter.timestamp_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ} {reason}"
    for reason, count in reasons.most_common():
        yield f"{reason}: {count}"


def replay(
    topic: Annotated[str, typer.Option(help="The topic that they came from, such as db-sms.")],
    since: Annotated[
        datetime | None, typer.Option(formats=TIMES, help="Pass over what died earlier; UTC unless it says otherwise.")
    ] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be replayed.")] = False,
) -> None:
    """Replays the dead letters of a topic that no earlier run has replayed. Status 1 if any was left."""
    if topic not in topics.BY_NAME:
        refuse([f"--topic {topic}: no such topic; there are {', '.join(topics.BY_NAME)}"])
    (kafka,) = load(KafkaConnection)
    after = since.replace(tzinfo=since.tzinfo or UTC) if since else None
    letters = DeadLetters(kafka.kafka_bootstrap, kafka.security(), topics.BY_NAME[topic], since=after)
    done = 0
    with closing(letters), closing(KafkaSink(kafka.kafka_bootstrap, kafka.security())) as sink:
        try:
            if dry_run:
                for line in listed(letters):
                    typer.echo(line)
            else:
                for number in replayed(letters, sink, topic):
                    done += number
        finally:
            typer.echo(f"replayed: {done} of {len(letters)}")
    raise typer.Exit(0 if dry_run or done == len(letters) else 1)


def _original(letter: Record, topic: str) -> topics.Outgoing:
    """Raises Malformed or Invalid if it can't be published on the topic."""
    original = revived(letter)
    if original.topic != topic:
        raise Malformed(f"it came from {original.topic}")
    check_sizes([original])
    return original


def _place(letter: Record) -> str:
    return f"{letter.partition.topic} {letter.partition.number} {letter.offset}"


def _reason(letter: Record) -> str:
    try:
        return origin_of(letter).reason
    except Malformed as error:
        return str(error)


if __name__ == "__main__":
    try:
        typer.run(replay)
    except Unavailable as error:
        sys.exit(str(error))
