"""Text fields are checked before anything else sees them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.domain.errors import Invalid, Reason
from octavo.domain.text import breaks_a_line, check_line, check_text


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "x\udfff"])
def test_nul_and_half_surrogates_are_refused_by_field(text):
    with pytest.raises(Invalid) as caught:
        check_text("reference", text)
    assert (caught.value.reason, caught.value.field) == (Reason.INVALID_TEXT, "reference")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_any_other_text_passes_unchanged(text):
    assert check_text("reference", text) == text


def test_length_is_counted_in_characters_with_its_own_reason():
    assert check_text("reference", "ж" * 1000, max_length=1000, reason=Reason.REFERENCE_TOO_LONG)
    with pytest.raises(Invalid) as caught:
        check_text("reference", "ж" * 1001, max_length=1000, reason=Reason.REFERENCE_TOO_LONG)
    assert caught.value.reason is Reason.REFERENCE_TOO_LONG


@pytest.mark.parametrize("mark", list("\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x7f\x85\u2028\u2029\t"))
@pytest.mark.parametrize("place", ["{}subject", "sub{}ject", "subject{}"])
def test_a_line_has_no_break_or_control_anywhere(mark, place):
    with pytest.raises(Invalid) as caught:
        check_line("subject", place.format(mark))
    assert (caught.value.reason, caught.value.field) == (Reason.HEADER_INJECTION, "subject")


@given(st.text())
def test_whatever_python_splits_into_lines_breaks_a_line(text):
    if len(text.splitlines()) > 1:
        assert breaks_a_line(text)
