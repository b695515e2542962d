"""Request ids: they make a send repeatable, so that a lost answer never becomes a second message."""

import secrets
import time
from uuid import UUID

_RANDOM_BITS = 74


def new_request_id() -> str:
    """A UUIDv7 of now. Keep it with the work at hand and give it again if the work is done again (within 24 hours)."""
    random = secrets.randbits(_RANDOM_BITS)
    milliseconds = time.time_ns() // 1_000_000
    high, low = random >> 62, random & ((1 << 62) - 1)
    return str(UUID(int=(milliseconds << 80) | (0x7 << 76) | (high << 64) | (0b10 << 62) | low))
