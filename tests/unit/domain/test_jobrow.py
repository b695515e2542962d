"""A row of a job becomes a message, or every problem of it with its column."""

import pytest

from octavo.domain.csvfile import RowProblem
from octavo.domain.errors import Invalid, Reason
from octavo.domain.jobrow import RowReader, Sendable, Texts
from octavo.domain.notification import NotificationType
from octavo.domain.recipient import EmailAddress, normalised
from octavo.domain.sms import Encoding, SmsSize
from octavo.domain.template import Template

SMS = Texts(NotificationType.SMS, None, Template.parse("Hello ((name))"), "Octavo")
EMAIL = Texts(
    NotificationType.EMAIL, Template.parse("News for ((First name))"), Template.parse("Dear ((name)) ((ps??PS))"), None
)


def sms(*header):
    return RowReader(header or ["phone number", "name"], SMS, "GB")


def email():
    return RowReader(["Email_Address", "first name", "NAME", "PS"], EMAIL, "GB")


def test_a_good_row_is_parsed_and_measured_with_the_services_name():
    row = sms().read(7, ["07700 900001", "Zoë €"])
    assert isinstance(row, Sendable)
    assert (row.row, normalised(row.recipient), row.personalisation) == (7, "+447700900001", {"name": "Zoë €"})
    assert row.size == SmsSize(Encoding.UCS2, 19, 1)
    assert sms().read(7, ["07700 900001", "x" * (160 - len("Octavo: Hello "))]).size.parts == 1
    assert sms().read(7, ["07700 900001", "x" * (161 - len("Octavo: Hello "))]).size.parts == 2


def test_an_email_needs_the_columns_of_its_subject_too():
    row = email().read(1, ["ann@example.com", "Ann", "Ms Ann", ""])
    assert row == Sendable(1, EmailAddress("ann@example.com"), {"First name": "Ann", "name": "Ms Ann", "ps": ""}, None)
    with pytest.raises(Invalid) as caught:
        RowReader(["name"], EMAIL, "GB")
    assert [violation.field for violation in caught.value.violations] == [
        "column[email address]", "column[First name]", "column[ps]",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "problems"),
    [
        (["0770090000x", "Ann"], [("phone number", Reason.RECIPIENT_LETTERS)]),
        (
            ["0770090000x", ""],
            [("name", Reason.MISSING_PERSONALISATION), ("phone number", Reason.RECIPIENT_LETTERS)],
        ),
        (
            ["0909 8790000", "x" * 5000],
            [("phone number", Reason.RECIPIENT_PREMIUM_RATE), ("", Reason.CONTENT_TOO_LONG)],
        ),
        (["", "Ann"], [("phone number", Reason.MISSING_FIELD)]),
        (["07700900001", "Ann", "more"], [("", Reason.RAGGED_ROW)]),
    ],
)
def test_all_problems_of_a_row_are_told_at_once(cells, problems):
    assert sms().read(3, cells) == tuple(RowProblem(3, column, reason) for column, reason in problems)


def test_a_line_break_in_a_subject_is_refused_with_its_column():
    problems = email().read(2, ["ann@example.com", "Ann\nBcc: eve@example.com", "Ann", ""])
    assert problems == (RowProblem(2, "first name", Reason.HEADER_INJECTION),)


def test_values_that_only_decide_are_bounded_too():
    names = [f"if {number}" for number in range(30)]
    texts = Texts(NotificationType.SMS, None, Template.parse("".join(f"(({name}??x))" for name in names)), None)
    reader = RowReader(["phone number", *names], texts, "GB")
    assert reader.read(1, ["07700900001", *["x" * 100_000] * 30]) == (RowProblem(1, "", Reason.CONTENT_TOO_LONG),)


def test_rows_of_empty_cells_are_skipped():
    assert sms().read(1, ["", ""]) is None


def test_the_names_of_a_rows_values_count_as_the_values_do():
    names = [f"{number:05}" + "n" * 190 for number in range(20_000)]
    texts = Texts(NotificationType.EMAIL, None, Template.parse("".join(f"(({name}??))" for name in names)), None)
    reader = RowReader(["email address", *names], texts, "GB")
    assert reader.read(1, ["ann@example.com", *[""] * len(names)]) == (RowProblem(1, "", Reason.CONTENT_TOO_LONG),)
