"""What earlier releases wrote, as scripts/corpus.py recorded it."""

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "corpus"
RELEASES = sorted(path.stem for path in FOLDER.glob("*.json"))


@cache
def corpus(release: str) -> dict[str, Any]:
    """The recording of a release: schema, sealing_keys, hash_key, records and rows."""
    recorded: dict[str, Any] = json.loads((FOLDER / f"{release}.json").read_text(encoding="utf-8"))
    return recorded


def later_release(value: bytes) -> bytes:
    """The message as a later release may write it: with a field number 1999, which this one does not know."""
    tag, text = (1999 << 3) | 2, b"from later"
    return value + bytes([tag & 0x7F | 0x80, tag >> 7]) + bytes([len(text)]) + text
