"""Every error has a reason of one table, and ends a call with the status that the table says."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from octavo.domain import errors
from octavo.domain.reason import Reason
from services.api.serving.errors import CODES, answer, internal

ROOT = Path(__file__).parents[2]
STATUS = {kind.__name__: code.name for kind, code in CODES.items()} | {"Violation": "INVALID_ARGUMENT"}
SOURCES = [
    path for folder in ("octavo", "services") for path in (ROOT / folder).rglob("*.py") if "octavo/v1/" not in str(path)
]
# The errors of the other services end no calls.
ANSWERED = [path for path in SOURCES if "services" not in path.parts or "api" in path.parts]


def raised(path: Path) -> Iterator[tuple[str, str]]:
    """The kinds of errors that a file makes, each with its reason, wherever both stand in one call."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        kind = node.func.value if isinstance(node.func, ast.Attribute) and node.func.attr == "of" else node.func
        if not isinstance(kind, ast.Name) or kind.id not in STATUS:
            continue
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            if (
                isinstance(argument, ast.Attribute)
                and isinstance(argument.value, ast.Name)
                and argument.value.id == "Reason"
            ):
                yield kind.id, argument.attr


def test_each_error_is_made_with_a_reason_of_its_status():
    found = [(path, *one) for path in ANSWERED for one in raised(path)]
    assert len(found) > 50
    wrong = [
        f"{path.relative_to(ROOT)}: {kind} with {reason}"
        for path, kind, reason in found
        if Reason[reason].status != STATUS[kind]
    ]
    assert wrong == []


def test_each_reason_is_given_by_something():
    text = "".join(path.read_text() for path in SOURCES if path.name != "reason.py")
    assert [reason for reason in Reason if not re.search(rf"Reason\.{reason.name}\b", text)] == []


def test_each_reason_is_in_the_docs_with_its_status_and_meaning():
    page = (ROOT / "docs/errors.md").read_text()
    missing = [reason for reason in Reason if f"| `{reason}` | `{reason.status}` | {reason.meaning} |" not in page]
    assert missing == []
    assert len(re.findall(r"^\| `", page, flags=re.MULTILINE)) == len(Reason)


@pytest.mark.parametrize(
    "error",
    [
        errors.Invalid.of("name", Reason.MISSING_FIELD, "needed"),
        errors.Unauthenticated(),
        errors.NotFound("template"),
        errors.Unavailable("away"),
    ],
)
def test_an_answer_carries_its_reason(error):
    given = answer(error)
    assert given.code.name == error.reason.status
    assert error.reason.encode() in given.trailers[0][1]


def test_even_what_should_never_happen_has_a_reason():
    given = internal("0123")
    assert (given.code.name, given.message) == ("INTERNAL", "internal error 0123")
    assert b"INTERNAL" in given.trailers[0][1]
    assert b"0123" in given.trailers[0][1]
