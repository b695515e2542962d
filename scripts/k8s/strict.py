"""What strict schemas are made of (JSON Schema): every field is named, and must be there unless it is said to be optional."""

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]


def fields(given: Mapping[str, Schema], *optional: str) -> Schema:
    """An object of these fields alone, all of which must be there but the optional ones."""
    needed = [name for name in given if name not in optional]
    return {"type": "object", "properties": dict(given), "required": needed, "additionalProperties": False}


def several(item: Schema, least: int = 1) -> Schema:
    """A list of such items, at least so many."""
    return {"type": "array", "items": item, "minItems": least}


def mapping(value: Schema) -> Schema:
    """Any names with such values, at least one."""
    return {"type": "object", "additionalProperties": value, "minProperties": 1}


def text(pattern: str = ".") -> Schema:
    """Text in which the pattern is found; any text but none if nothing is said."""
    return {"type": "string", "pattern": pattern}


def one_of(*values: object) -> Schema:
    """One of these values."""
    return {"enum": list(values)}


def whole(least: int = 0, most: int = 2**31 - 1) -> Schema:
    """A whole number between the two."""
    return {"type": "integer", "minimum": least, "maximum": most}


BOOLEAN: Schema = {"type": "boolean"}
QUANTITY = text(r"^[0-9]+(\.[0-9]+)?(m|[kMGTPE]i?)?$")
DURATION = text(r"^(0|([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$")
SELECTOR = fields({"matchLabels": mapping(text(""))})
RESOURCES = fields(
    {
        "requests": fields({"cpu": QUANTITY, "memory": QUANTITY}),
        "limits": fields({"cpu": QUANTITY, "memory": QUANTITY}, "cpu"),
    }
)
