"""Templates: text with `((placeholders))`, merged with personalisation.

`((name))` is replaced by a value, `((name??text))` keeps `text` when the value means yes, a list becomes bullets in an
email and "a, b and c" elsewhere. What is put in is never looked at again: a value that holds `((other))` stays as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from octavo.domain.errors import Invalid, Reason, Violation
from octavo.domain.names import fold

Value = str | Sequence[str]
Personalisation = Mapping[str, Value]

YES = frozenset({"yes", "y", "true", "t", "1", "include", "show"})
"""The values that keep the text of a conditional placeholder (facts of the field), in any case."""

_ITEM_STARTS = frozenset({"", "*", "-", "+", "•"})


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a template. `index` points to its name; `kept` is the text of a conditional placeholder.

    `written` is what stands there in the template. `before` and `after` make a list stand on lines of its own, wherever the slot
    stands.
    """

    index: int
    kept: str | None
    before: str
    after: str
    written: str


class Sink(Protocol):
    """Where a merged text goes: how values are written there, and how long the whole may be, in characters."""

    limit: int
    as_is: bool
    """Whether literals and single values are written as they are."""

    def literal(self, text: str) -> str:
        """A piece of the template itself."""
        ...

    def value(self, value: str) -> str:
        """One value."""
        ...

    def items(self, values: Sequence[str], slot: Slot) -> str:
        """A list of values."""
        ...


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template. Parsing takes linear time whatever the text; it is worth keeping the result."""

    source: str
    pieces: tuple[str | Slot, ...]
    placeholders: tuple[str, ...]
    """The names as first written, in order, each once."""
    conditional: frozenset[str]
    """Those of them that only decide whether some text is kept."""
    pattern: str | None = field(init=False, compare=False, repr=False)
    """The whole as a format of Python's, `%s` for each slot; None if any is conditional."""
    order: tuple[int, ...] = field(init=False, compare=False, repr=False)
    """The slots' indices."""

    def __post_init__(self) -> None:
        slots = [piece for piece in self.pieces if isinstance(piece, Slot)]
        plain = all(slot.kept is None for slot in slots)
        object.__setattr__(self, "pattern", _pattern(self.pieces) if plain else None)
        object.__setattr__(self, "order", tuple(slot.index for slot in slots))

    @classmethod
    def parse(cls, source: str) -> "Template":
        """The template of a text. Brackets that make no placeholder are text."""
        pieces: list[str | Slot] = []
        names: dict[str, tuple[int, str]] = {}
        shown: set[str] = set()
        done = 0
        for start, end, name, kept in _placeholders(source):
            key = fold(name)
            index, spelling = names.setdefault(key, (len(names), name))
            if kept is None:
                shown.add(spelling)
            if start > done:
                pieces.append(source[done:start])
            before, after = _list_start(source, done, start), "" if source[end : end + 1] in "\r\n" else "\n"
            pieces.append(Slot(index, kept, before, after, source[start:end]))
            done = end
        if done < len(source):
            pieces.append(source[done:])
        spellings = tuple(spelling for _, spelling in names.values())
        return cls(source, tuple(pieces), spellings, frozenset(spellings) - shown)

    def render(self, personalisation: Personalisation, sink: Sink) -> str:
        """The text, with every value written as the sink writes it.

        Raises Invalid with one MISSING_PERSONALISATION for each name without a value, or with CONTENT_TOO_LONG.
        """
        values = self._values(personalisation)
        if sink.as_is and self.pattern is not None:
            text = self._at_once(self.pattern, values, sink.limit)
            if text is not None:
                return text
        out: list[str] = []
        listed = 0
        for piece in self.pieces:
            if isinstance(piece, str):
                out.append(sink.literal(piece))
                continue
            value = values[piece.index]
            if piece.kept is not None:
                if isinstance(value, str) and value.strip().lower() in YES:
                    out.append(sink.literal(piece.kept))
            elif isinstance(value, str):
                out.append(sink.value(value))
            else:
                text = sink.items(value, piece)
                out.append(text)
                listed += len(text)
                # One long list in many places is many new strings, so it is watched on the way.
                if listed > sink.limit:
                    raise too_long(sink.limit)
        # The pieces share the values' memory: nothing large exists before this check.
        if sum(map(len, out)) > sink.limit:
            raise too_long(sink.limit)
        return "".join(out)

    def _at_once(self, pattern: str, values: Sequence[Value], limit: int) -> str | None:
        """The text, which for most is as simple as this; None if a value is a list, or if it might be longer than the limit."""
        written: list[str] = []
        size = len(pattern)
        for index in self.order:
            value = values[index]
            if not isinstance(value, str):
                return None
            size += len(value)
            written.append(value)
        return pattern % tuple(written) if size <= limit else None

    def _values(self, personalisation: Personalisation) -> list[Value]:
        """The values in the order of the placeholders. An exact name wins over one that is spelled differently."""
        try:
            return [personalisation[name] for name in self.placeholders]
        except KeyError:
            folded = {fold(name): value for name, value in personalisation.items()}
        values: list[Value] = []
        missing: list[Violation] = []
        for name in self.placeholders:
            value = personalisation[name] if name in personalisation else folded.get(fold(name))
            if value is None:
                description = f"the template needs a value for (({name}))"
                missing.append(Violation(f"personalisation[{name}]", Reason.MISSING_PERSONALISATION, description))
            else:
                values.append(value)
        if missing:
            raise Invalid(*missing)
        return values


def _pattern(pieces: Sequence[str | Slot]) -> str:
    return "".join(piece.replace("%", "%%") if isinstance(piece, str) else "%s" for piece in pieces)


def too_long(limit: int) -> Invalid:
    """The error for a text that its channel does not carry."""
    return Invalid.of("body", Reason.CONTENT_TOO_LONG, f"the merged text is longer than {limit:,}")


def _placeholders(source: str) -> list[tuple[int, int, str, str | None]]:
    """Start, end, name and kept text of each placeholder.

    Each `))` closes the last `((` before it. Every search begins where the previous one ended, so that a megabyte of
    brackets takes linear time.
    """
    found = []
    done = 0
    while (close := source.find("))", done)) >= 0:
        start = source.rfind("((", done, close)
        if start < 0:
            # `)))`: the next pair may begin with the second bracket of this one, but needs an opening first.
            opening = source.find("((", close)
            if opening < 0:
                break
            done = opening
            continue
        # A text may end with a bracket of its own, as in ((a??text (more))).
        unclosed = source.count("(", start + 2, close) - source.count(")", start + 2, close)
        while unclosed > 0 and source.startswith(")", close + 2):
            close += 1
            unclosed -= 1
        name, conditional, kept = source[start + 2 : close].partition("??")
        done = close + 2
        if fold(name) and "\n" not in name:
            found.append((start, done, name.strip(), kept if conditional else None))
    return found


def _list_start(source: str, done: int, start: int) -> str:
    """What a list at `start` begins with, so that its first item is an item too. A placeholder ends at `done`."""
    newline = max(source.rfind("\n", done, start), source.rfind("\r", done, start))
    line = source[max(newline + 1, done) : start].strip(" \t")
    if newline < 0 < done or line not in _ITEM_STARTS:
        return "\n* "
    return "" if line else "* "
