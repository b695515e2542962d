"""Faults that are told together."""

import pytest

from octavo.domain.errors import Invalid, Reason, Violation
from octavo.domain.violations import Violations


def check(field, value, *, least=0):
    if value < least:
        raise Invalid.of(field, Reason.INVALID_ARGUMENT, f"{field} is below {least}")
    return value


def test_what_is_right_is_given_back_and_tells_nothing():
    faults = Violations()
    assert faults.read(check, "one", 3) == 3
    faults.tell()


def test_all_faults_are_told_in_their_order_by_the_reason_of_the_first():
    faults = Violations()
    faults.add(Violation("zero", Reason.MISSING_FIELD, "zero is needed"))
    assert faults.read(check, "one", -1) is None
    assert faults.read(check, "two", 2) == 2
    assert faults.read(check, "three", 3, least=4) is None
    with pytest.raises(Invalid) as told:
        faults.tell()
    assert [one.field for one in told.value.violations] == ["zero", "one", "three"]
    assert (told.value.reason, told.value.field) == (Reason.MISSING_FIELD, "zero")
    assert told.value.message == "zero is needed; one is below 0; three is below 4"


def test_errors_of_other_kinds_pass():
    with pytest.raises(ZeroDivisionError):
        Violations().read(lambda: 1 // 0)
