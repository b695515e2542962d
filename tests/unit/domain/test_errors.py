"""Errors sort by what to do, and every reason explains itself."""

import pytest

from octavo.domain import errors
from octavo.domain.errors import Invalid, LimitExceeded, NotFound, OctavoError, Reason, Rejected, Violation


@pytest.mark.parametrize("reason", list(Reason))
def test_each_reason_is_its_own_name_and_has_one_line_of_meaning(reason):
    assert reason.value == reason.name == reason.name.upper()
    assert reason.meaning.endswith(".")
    assert "\n" not in reason.meaning


def test_every_error_is_in_one_of_three_families():
    families = (errors.Unavailable, errors.Malformed, errors.Rejected)
    named = [getattr(errors, name) for name in errors.__all__]
    kinds = [kind for kind in named if issubclass(kind, OctavoError) and kind is not OctavoError]
    assert kinds
    for kind in kinds:
        assert sum(issubclass(kind, family) for family in families) == 1


def test_the_drawn_tree_names_every_error():
    for name in errors.__all__:
        if issubclass(getattr(errors, name), OctavoError):
            assert name in errors.__doc__


def test_invalid_carries_every_violation_and_speaks_with_the_first():
    first = Violation("a", Reason.MISSING_FIELD, "a is empty")
    error = Invalid(first, Violation("b", Reason.INVALID_TEXT, "b holds a NUL"))
    assert (error.reason, error.field) == (Reason.MISSING_FIELD, "a")
    assert error.message == "a is empty; b holds a NUL"
    assert [violation.field for violation in error.violations] == ["a", "b"]


def test_what_is_not_there_and_what_is_anothers_read_the_same():
    assert str(NotFound("notification")) == "there is no such notification"
    assert isinstance(NotFound("notification"), Rejected)


def test_limit_tells_its_subject_size_and_reopening():
    from datetime import timedelta

    error = LimitExceeded(
        Reason.DAILY_LIMIT_EXCEEDED, "used up", subject="sms_per_day", limit=50, retry_after=timedelta(hours=1)
    )
    assert dict(error.metadata) == {"limit": "50", "subject": "sms_per_day"}
    assert error.retry_after == timedelta(hours=1)
