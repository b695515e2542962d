"""Templates shown before anything is sent: what has no value yet stays as it was written."""

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
        piece.written if isinstance(piece, Slot) and template.placeholders[piece.index] in missing else piece
        for piece in template.pieces
    )
    return replace(template, pieces=pieces), {**personalisation, **dict.fromkeys(missing, "")}
