"""What the check of a file keeps of its problems."""

from dataclasses import dataclass

import pytest

from octavo.domain.errors import Invalid, Reason
from octavo.domain.jobrow import Texts
from octavo.domain.notification import NotificationType
from octavo.domain.template import Template
from octavo.objects import Stored
from services.api.jobs.check import MOST_COLUMNS, MOST_PROBLEMS, MOST_PROBLEMS_IN_ALL, check_file

WANTED = 60


@dataclass(frozen=True)
class OneFile:
    """A store with one file."""

    data: bytes

    def read(self, _stored):
        return iter([self.data])


def test_a_file_full_of_problems_tells_the_first_of_each_row_at_last():
    names = [f"value{number}" for number in range(WANTED)]
    texts = Texts(NotificationType.SMS, None, Template.parse("".join(f"(({name}))" for name in names)), None)
    rows = MOST_PROBLEMS_IN_ALL // MOST_PROBLEMS + 100
    data = ("phone number," + ",".join(names) + "\n" + "07700900001\n" * rows).encode()
    checked = check_file(OneFile(data), Stored("key", "etag", len(data)), texts, "GB")  # type: ignore[arg-type]
    assert (checked.total_rows, checked.sendable_rows) == (rows, 0)
    assert [len(problems) for problems in checked.problems] == [MOST_PROBLEMS] * (rows - 100) + [1] * 100
    assert [problems[0].row for problems in checked.problems] == list(range(1, rows + 1))


def test_a_header_has_a_thousand_columns_at_most():
    names = [f"c{number}" for number in range(MOST_COLUMNS - 1)]
    texts = Texts(NotificationType.EMAIL, None, Template.parse("Hello"), None)

    def check(*more):
        data = (",".join(["email address", *names, *more]) + "\nann@example.com\n").encode()
        return check_file(OneFile(data), Stored("key", "etag", len(data)), texts, "GB")  # type: ignore[arg-type]

    assert check().total_rows == 1
    with pytest.raises(Invalid) as caught:
        check("one more")
    assert (caught.value.reason, caught.value.field) == (Reason.TOO_MANY_COLUMNS, "file")
