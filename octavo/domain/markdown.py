"""The small markdown of email bodies: headings, bullets, numbered lists, links, rules, block quotes (`^`).

There is no other mark-up, raw HTML least of all. Values never take part: the text holds a mark for each, which becomes a
number here and the value only when the result is written. So no value can make a heading, a tag or a link, by construction.
"""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

_MARK = re.compile("\x00(\\d+)\x00")
_RULE = re.compile(r"[ \t]{0,3}([*_-])(?:[ \t]*\1){2,}[ \t]*")
_HEADING = re.compile(r"(#{1,6})[ \t]+(\S.*)")
_QUOTE = re.compile(r"\^[ \t]*(.*)")
_BULLET = re.compile(r"[ \t]{0,3}[*+•-][ \t]+(\S.*)")
_NUMBERED = re.compile(r"[ \t]{0,3}(\d{1,9})[.)][ \t]+(\S.*)")
_CONTINUED = re.compile(r"(?: {2,}|\t)\s*(\S.*)")
_LINK = re.compile(r"\[([^\[\]\n]++)\]\(([^()\s]++)\)|(\bhttps?://[^\s<>\"()\[\]]++)", re.IGNORECASE)
_AFTER_URL = ".,;:!?'*_"
_CACHED_LENGTH = 20_000


@dataclass(frozen=True, slots=True)
class Link:
    """A link, its label and its target; numbers in them stand for values."""

    label: tuple[str | int, ...]
    target: tuple[str | int, ...]


Inline = tuple[str | int | Link, ...]
"""A run of text: literal pieces, numbers of values, links."""


class Kind(Enum):
    """The kinds of blocks."""

    PARAGRAPH = "paragraph"
    HEADING = "heading"
    BULLETS = "bullets"
    NUMBERS = "numbers"
    QUOTE = "quote"
    RULE = "rule"


@dataclass(frozen=True, slots=True)
class Block:
    """One block. `level` is a heading's level or the first number of a list; only lists have several runs."""

    kind: Kind
    level: int
    runs: tuple[Inline, ...]


def mark(index: int) -> str:
    """What stands in the text for the value of this number."""
    return f"\x00{index}\x00"


def without_marks(text: str) -> str:
    """The text of a template, made unable to pass for a mark."""
    return text.replace("\x00", "\ufffd") if "\x00" in text else text


def layout(source: str) -> tuple[Block, ...]:
    """The blocks of a text in which marks stand for values.

    The same template laid out twice costs once: what is kept holds no values, hence no personal data.
    """
    return _cached_layout(source) if len(source) <= _CACHED_LENGTH else _layout(source)


@lru_cache(maxsize=512)
def _cached_layout(source: str) -> tuple[Block, ...]:
    return _layout(source)


def _layout(source: str) -> tuple[Block, ...]:
    found: list[_Open] = []
    current: _Open | None = None
    for line in source.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        following = _read(line, current)
        if following is not None and following is not current:
            found.append(following)
        current = following
    return tuple(
        Block(block.kind, block.level, tuple(_inline("\n".join(lines)) for lines in block.runs)) for block in found
    )


@dataclass(slots=True)
class _Open:
    """A block that the next line may go on with."""

    kind: Kind
    level: int
    runs: list[list[str]]


def _read(line: str, current: _Open | None) -> _Open | None:
    """The block that the line belongs to: the current one, a new one, or none for an empty line."""
    if not line or line.isspace():
        return None
    if _RULE.fullmatch(line):
        return _Open(Kind.RULE, 0, [])
    if found := _HEADING.match(line):
        return _Open(Kind.HEADING, len(found[1]), [[found[2].rstrip()]])
    if found := _BULLET.match(line):
        return _more(current, Kind.BULLETS, 0, found[1], new_run=True)
    if found := _NUMBERED.match(line):
        return _more(current, Kind.NUMBERS, int(found[1]), found[2], new_run=True)
    return _read_text(line, current)


def _read_text(line: str, current: _Open | None) -> _Open:
    if found := _QUOTE.match(line):
        return _more(current, Kind.QUOTE, 0, found[1], new_run=False)
    if current is not None and current.kind in {Kind.BULLETS, Kind.NUMBERS} and (found := _CONTINUED.match(line)):
        return _more(current, current.kind, 0, found[1], new_run=False)
    return _more(current, Kind.PARAGRAPH, 0, line.strip(" \t"), new_run=False)


def _more(current: _Open | None, kind: Kind, level: int, text: str, *, new_run: bool) -> _Open:
    """The current block with this line, or a new block if it is of another kind."""
    if current is None or current.kind is not kind:
        return _Open(kind, level, [[text.rstrip()]])
    if new_run:
        current.runs.append([])
    current.runs[-1].append(text.rstrip())
    return current


def _inline(text: str) -> Inline:
    """A run of text with its links found."""
    pieces: list[str | int | Link] = []
    done = 0
    for match in _LINK.finditer(text):
        end = match.end()
        if match[3]:
            url = match[3].rstrip(_AFTER_URL)
            end = match.start() + len(url)
            link = Link((), _split(url))
        else:
            link = Link(_split(match[1]), _split(match[2]))
        pieces += _split(text[done : match.start()])
        pieces.append(link)
        done = end
    pieces += _split(text[done:])
    return tuple(pieces)


def _split(text: str) -> tuple[str | int, ...]:
    """The text with its marks as numbers."""
    parts = _MARK.split(text)
    return tuple(int(part) if place % 2 else part for place, part in enumerate(parts) if place % 2 or part)
