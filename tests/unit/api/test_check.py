"""What the check of a file keeps of its problems."""

from dataclasses import dataclass

from octavo.domain.jobrow import Texts
from octavo.domain.notification import NotificationType
from octavo.domain.template import Template
from octavo.objects import Stored
from services.api.jobs.check import MOST_PROBLEMS, MOST_PROBLEMS_IN_ALL, check_file

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
