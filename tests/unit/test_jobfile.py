"""Files are read as streams, whatever their encoding, and refused by row and column where they can't be."""

from collections.abc import Iterator

import pytest

from octavo.domain.csvfile import LONGEST_ROW
from octavo.domain.errors import FailedPrecondition, Invalid, Reason
from octavo.jobfile import LONGEST_LINE, encoding_of, open_sheet

TEXT = 'name;phone number\r\nZoë;07700900001\r\n\r\n"a;\nb";07700900002'


def blocks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def sheet(data: bytes, size: int = 1 << 20):
    return open_sheet(blocks(data, size), encoding_of(blocks(data, size)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("size", [4, 5, 1 << 20])
def test_a_file_is_read_in_any_encoding_and_any_blocks(encoding, size):
    opened = sheet(TEXT.encode(encoding), size)
    assert opened.header == ["name", "phone number"]
    assert list(opened.rows) == [(1, ["Zoë", "07700900001"]), (2, []), (3, ["a;\nb", "07700900002"])]


@pytest.mark.parametrize("data", [b"", b"\n", b"\xef\xbb\xbf", b",,\n1,2,3\n"])
def test_a_file_without_header_is_empty(data):
    with pytest.raises(Invalid) as caught:
        sheet(data)
    assert caught.value.reason is Reason.FILE_EMPTY


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b'name,phone number\nAnn,1\n"Bob,2\nEve,3\n', "row[2].column[name]"),
        (b'name,phone number\nAnn,"1"2\n', "row[1].column[phone number]"),
        (b"name,phone number\nAnn,1\nBob," + b"x" * 10_000_000, "row[2].column[phone number]"),
        (b'name,"phone number\n', "column[2]"),
        ("name,phone number\nAnn,1\n".encode("utf-16") + b"\x00", "row[2]"),
    ],
)
def test_what_can_not_be_read_is_refused_by_row_and_column(data, field):
    with pytest.raises(Invalid) as caught:
        list(sheet(data).rows)
    assert caught.value.reason is Reason.FILE_UNREADABLE
    assert caught.value.field == field


def test_a_byte_that_the_encoding_does_not_know_spoils_its_cell_only():
    rows = list(sheet(b"name,phone number\nAnn,1\n\x81\xe9,2\n").rows)
    assert rows == [(1, ["Ann", "1"]), (2, ["\udc81é", "2"])]


def test_a_line_that_never_ends_is_refused():
    with pytest.raises(Invalid) as caught:
        list(sheet(b"a,b\n" + b"x," * LONGEST_LINE).rows)
    assert "line 2" in caught.value.message


def test_a_row_of_lines_without_an_end_is_refused():
    cells = b'"aa\n",'
    begin = b"name,phone number\nAnn,07700900001\n"
    opened = sheet(begin + cells * (LONGEST_ROW // len(cells)) + b"x,x,x,x\nBob,07700900002\n")
    assert next(opened.rows) == (1, ["Ann", "07700900001"])
    with pytest.raises(Invalid) as caught:
        next(opened.rows)
    assert caught.value.reason is Reason.FILE_UNREADABLE
    assert [violation.field for violation in caught.value.violations] == ["row[2]"]


def test_rows_together_may_be_longer_than_one_may_be():
    row = b'"' + b"a\n" * 30_000 + b'",07700900001\n'
    opened = sheet(b"name,phone number\n" + row * 40)
    assert len(list(opened.rows)) == 40


def test_a_column_whose_name_can_not_be_told_is_told_without_what_can_not():
    opened = sheet(b'phone number,na\x81me\n07700900001,"unclosed\n')
    with pytest.raises(Invalid) as caught:
        list(opened.rows)
    assert [violation.field for violation in caught.value.violations] == ["row[1].column[name]"]


def test_an_error_of_the_store_comes_through_as_it_is():
    def torn():
        yield b"name,phone number\n" + b"Ann,07700900001\n" * 10
        raise FailedPrecondition(Reason.FILE_CHANGED, "replaced")

    opened = open_sheet(torn(), "utf-8")
    with pytest.raises(FailedPrecondition):
        list(opened.rows)
