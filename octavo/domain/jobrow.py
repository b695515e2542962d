"""A row of a CSV job, read: a message that can be sent, or all that is wrong with it.

The api asks it before a job starts and the job reader when it sends, so that both say the same of a row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from octavo.domain import sms
from octavo.domain.csvfile import Columns, Row, RowProblem, match_header, read_row, row_problems
from octavo.domain.errors import Invalid, Reason
from octavo.domain.limits import MOST_PERSONALISATION
from octavo.domain.notification import NotificationType
from octavo.domain.recipient import Recipient, parse_email, parse_phone
from octavo.domain.template import Template, render_sms, render_subject, render_text


@dataclass(frozen=True, slots=True)
class Texts:
    """What a job's messages are made from. `prefix` stands before each text message."""

    type: NotificationType
    subject: Template | None
    content: Template
    prefix: str | None

    def columns(self, header: Sequence[str]) -> Columns:
        """The columns that subject and content need. Raises Invalid as match_header does."""
        # A placeholder holds no line break, so the two stay what they are when they are read as one.
        whole = f"{self.subject.source}\n{self.content.source}" if self.subject else self.content.source
        return match_header(header, Template.parse(whole), self.type)


@dataclass(frozen=True, slots=True)
class Sendable:
    """A row that can be sent; `size` for text messages."""

    row: int
    recipient: Recipient
    personalisation: Mapping[str, str]
    size: sms.SmsSize | None


class RowReader:
    """Reads rows of one file. Raises Invalid as match_header does if the header does not suit the texts."""

    def __init__(self, header: Sequence[str], texts: Texts, region: str) -> None:
        self.columns = texts.columns(header)
        self._texts = texts
        self._region = region

    def read(self, row: int, cells: Sequence[str]) -> Sendable | tuple[RowProblem, ...] | None:
        """A message, or every problem of the row, or None for a row of empty cells, which is skipped."""
        found = read_row(self.columns, row, cells)
        if found is None:
            return None
        if not isinstance(found, Row):
            return self._with_recipient(found, row, cells)
        problems: tuple[RowProblem, ...] = ()
        recipient: Recipient | None = None
        try:
            recipient = self._recipient(found.recipient)
        except Invalid as error:
            problems += row_problems(error, self.columns, row)
        try:
            size = self._fit(found.personalisation)
        except Invalid as error:
            problems += row_problems(error, self.columns, row)
        else:
            if recipient is not None:
                return Sendable(row, recipient, found.personalisation, size)
        return problems

    def _with_recipient(
        self, problems: tuple[RowProblem, ...], row: int, cells: Sequence[str]
    ) -> tuple[RowProblem, ...]:
        """The problems of a row, and that of its recipient, so that people need not correct a file twice."""
        place = self.columns.recipient
        if place < len(cells) and cells[place].strip():
            try:
                self._recipient(cells[place])
            except Invalid as error:
                return problems + row_problems(error, self.columns, row)
        return problems

    def _recipient(self, text: str) -> Recipient:
        return parse_phone(text, self._region) if self._texts.type is NotificationType.SMS else parse_email(text)

    def _fit(self, personalisation: Mapping[str, str]) -> sms.SmsSize | None:
        # A character takes at most four bytes: only what may be too long is measured exactly.
        if (sum(map(len, personalisation)) + sum(map(len, personalisation.values()))) * 4 > MOST_PERSONALISATION:
            _check_size(personalisation)
        if self._texts.type is NotificationType.SMS:
            prefix = self._texts.prefix
            return sms.fit(render_sms(self._texts.content, personalisation, prefix), prefix)
        render_text(self._texts.content, personalisation)
        if self._texts.subject is not None:
            render_subject(self._texts.subject, personalisation)
        return None


def _check_size(personalisation: Mapping[str, str]) -> None:
    if sum(len(name.encode()) + len(value.encode()) for name, value in personalisation.items()) > MOST_PERSONALISATION:
        raise Invalid.of("body", Reason.CONTENT_TOO_LONG, f"the row's values are over {MOST_PERSONALISATION:,} bytes")
