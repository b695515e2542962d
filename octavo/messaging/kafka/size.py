"""How large a message may be: checked before it is offered, as no later try would make it smaller."""

from collections.abc import Iterable

from octavo.domain.errors import Invalid, Reason
from octavo.topics import DEAD_SUFFIX, Outgoing

LARGEST = 4 * 1024 * 1024
"""Bytes of a record, all included, that a topic takes."""
LARGEST_DEAD = LARGEST + 64 * 1024
"""The same of a dead-letter topic: what a topic took fits in, with its origin and the reason beside it."""
_FRAME = 1024
"""More than Kafka's own framing of one record in a batch of its own."""


def largest_of(topic: str) -> int:
    """Bytes of a record that a topic takes."""
    return LARGEST_DEAD if topic.endswith(DEAD_SUFFIX) else LARGEST


def check_sizes(messages: Iterable[Outgoing]) -> int:
    """Bytes of all values together. Raises Invalid if a message is larger than its topic takes."""
    together = 0
    for message in messages:
        length = len(message.value)
        together += length
        size = length + len(message.key)
        if message.headers:
            size += sum(len(name) + len(value) for name, value in message.headers)
        if size + _FRAME > largest_of(message.topic):
            raise Invalid.of("message", Reason.CONTENT_TOO_LONG, "the message is larger than its queue takes")
    return together
