"""Templates shown before anything is sent: what has no value yet stays as it was written."""

from collections.abc import Collection
from dataclasses import replace

from octavo.domain.merge import Personalisation, Slot, Template
from octavo.domain.names import fold


def missing_placeholders(template: Template, personalisation: Personalisation) -> list[str]:
    """The names of the placeholders that got no value, in order."""
    given = {fold(name) for name in personalisation}
    return [name for name in template.placeholders if fold(name) not in given]


def with_gaps(template: Template, personalisation: Personalisation) -> tuple[Template, Personalisation]:
    """The template with those placeholders as plain text, and a personalisation that leaves nothing of it without a value."""
    missing = missing_placeholders(template, personalisation)
    if not missing:
        return template, personalisation
    pieces = tuple(
        _written(template, piece, missing) if isinstance(piece, Slot) else piece for piece in template.pieces
    )
    return replace(template, pieces=pieces), {**personalisation, **dict.fromkeys(missing, "")}


def _written(template: Template, slot: Slot, missing: Collection[str]) -> str | Slot:
    name = template.placeholders[slot.index]
    if name not in missing:
        return slot
    return f"(({name}))" if slot.kept is None else f"(({name}??{slot.kept}))"
