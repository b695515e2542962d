"""CSV files are read where they can be, and every problem names its row and column."""

import io
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.domain.csvfile import (
    MAX_CELL,
    EncodingDetector,
    Row,
    RowProblem,
    detect_delimiter,
    escape_cell,
    match_header,
    read_row,
    read_rows,
    row_problems,
)
from octavo.domain.errors import Invalid, Reason
from octavo.domain.notification import NotificationType
from octavo.domain.recipient import parse_phone
from octavo.domain.template import Template
from octavo_cli.report import as_it_was

TEMPLATE = Template.parse("Dear ((First name)), ((vip??thanks)) ((place))")
HEADER = ["Phone_Number", "first-name", "VIP", "place", "unused"]
COLUMNS = match_header(HEADER, TEMPLATE, NotificationType.SMS)


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("cp1252", "cp1252"),
        ("ascii", "utf-8"),
    ],
)
@pytest.mark.parametrize("size", [4, 7, 1_000_000])
def test_encodings_are_found_and_read_back(encoding, found, size):
    text = (
        "name,phone number\nAnn,07700900001\n" if encoding == "ascii" else "name,phone number\nZoë Müller,07700900001\n"
    )
    raw = text.encode(encoding)
    detector = EncodingDetector()
    for start in range(0, len(raw), size):
        detector.feed(raw[start : start + size])
    assert detector.encoding == found
    assert raw.decode(detector.encoding) == text


def test_a_character_cut_in_two_at_the_end_of_the_head_is_still_utf8():
    for head in ("Zoë".encode()[:3], b""):
        detector = EncodingDetector()
        detector.feed(head)
        assert detector.encoding == "utf-8"


@pytest.mark.parametrize(("line", "delimiter"), [("a,b", ","), ("a;b;c,d", ";"), ("a\tb", "\t"), ("a", ",")])
def test_delimiters_are_found(line, delimiter):
    assert detect_delimiter(line) == delimiter


@given(
    st.lists(
        st.lists(st.text(alphabet=string.printable.replace("\x0b", "").replace("\x0c", "")), min_size=2), min_size=1
    )
)
def test_rows_are_read_back_as_they_were_written(rows):
    import csv

    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    assert list(read_rows(io.StringIO(out.getvalue(), newline=""))) == rows


@pytest.mark.parametrize("text", ['a,b\n1,"open\n2,3\n', 'a,b\n1,"x"y\n', "a,b\n1," + "x" * 200_000 + "\n"])
def test_what_can_not_be_read_is_refused_with_its_line(text):
    with pytest.raises(Invalid) as caught:
        list(read_rows(io.StringIO(text, newline="")))
    assert caught.value.reason is Reason.FILE_UNREADABLE
    assert "line" in caught.value.message


def test_bytes_of_another_encoding_are_refused():
    broken = io.TextIOWrapper(io.BytesIO(b"a,b\n\xff\xfe\xff,1\n"), encoding="utf-8", newline="")
    with pytest.raises(Invalid) as caught:
        list(read_rows(broken))
    assert caught.value.reason is Reason.FILE_UNREADABLE


def test_the_header_is_matched_ignoring_case_spaces_and_dashes():
    assert COLUMNS.recipient == 0
    assert COLUMNS.values == (("First name", 1, False), ("vip", 2, True), ("place", 3, False))


def test_all_missing_and_repeated_columns_are_named_at_once():
    with pytest.raises(Invalid) as caught:
        match_header(["first name", "FirstName", "place", "x", "x"], TEMPLATE, NotificationType.EMAIL)
    assert [(violation.field, violation.reason) for violation in caught.value.violations] == [
        ("column[email address]", Reason.MISSING_COLUMN),
        ("column[First name]", Reason.DUPLICATE_COLUMN),
        ("column[vip]", Reason.MISSING_COLUMN),
    ]


@pytest.mark.parametrize("header", [[], ["", " "]])
def test_a_file_without_header_is_empty(header):
    with pytest.raises(Invalid) as caught:
        match_header(header, TEMPLATE, NotificationType.SMS)
    assert caught.value.reason is Reason.FILE_EMPTY


def test_a_good_row_gives_recipient_and_personalisation():
    row = read_row(COLUMNS, 3, ["07700900001", "Ann", "", "Here", "x"])
    assert row == Row(3, "07700900001", {"First name": "Ann", "vip": "", "place": "Here"})


def test_a_row_that_ends_early_lacks_what_is_not_there():
    assert read_row(COLUMNS, 3, ["07700900001", "Ann"]) == (RowProblem(3, "place", Reason.MISSING_PERSONALISATION),)


def test_every_problem_of_a_row_is_told():
    assert read_row(COLUMNS, 9, [" ", "", "a\x00", "x" * (MAX_CELL + 1), "", "more"]) == (
        RowProblem(9, "", Reason.RAGGED_ROW),
        RowProblem(9, "Phone_Number", Reason.MISSING_FIELD),
        RowProblem(9, "first-name", Reason.MISSING_PERSONALISATION),
        RowProblem(9, "VIP", Reason.INVALID_TEXT),
        RowProblem(9, "place", Reason.CELL_TOO_LONG),
    )


@pytest.mark.parametrize("cells", [[], [""], ["", "", ""]])
def test_rows_of_empty_cells_are_skipped(cells):
    assert read_row(COLUMNS, 1, cells) is None


def test_empty_cells_beyond_the_header_do_no_harm():
    assert isinstance(read_row(COLUMNS, 1, ["07700900001", "Ann", "", "Here", "", "", ""]), Row)


def test_a_refused_recipient_is_a_problem_of_its_column():
    with pytest.raises(Invalid) as caught:
        parse_phone("0909 8790000")
    assert row_problems(caught.value, COLUMNS, 4) == (RowProblem(4, "Phone_Number", Reason.RECIPIENT_PREMIUM_RATE),)


@pytest.mark.parametrize("start", list("=+-@\t\r\n"))
def test_cells_that_look_like_formulas_are_escaped(start):
    assert escape_cell(f"{start}1+1") == f"'{start}1+1"


@given(st.text("'=+-@a"))
def test_whoever_takes_the_apostrophe_away_has_the_text_again(text):
    assert as_it_was(escape_cell(text)) == text


@given(st.text())
def test_no_escaped_cell_is_a_formula_and_others_stay(text):
    escaped = escape_cell(text)
    assert escaped in {text, f"'{text}"}
    assert not escaped.startswith(("=", "+", "-", "@", "\t", "\r"))
