"""The report of a CSV job, as a file, on standard output, or as JSON."""

import csv
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TextIO

from octavo_cli import output
from octavo_client import Jobs

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001


def write_report(jobs: Jobs, job_id: str, to: Path | None, *, as_json: bool) -> None:
    """Writes a report as a whole: what is interrupted is fetched again before anything is shown."""
    if to is not None and not as_json:
        jobs.save_report(job_id, to)
        return
    with tempfile.TemporaryDirectory(prefix="octavo-") as folder:
        fetched = Path(folder) / "report.csv"
        jobs.save_report(job_id, fetched)
        if not as_json:
            _copy(fetched)
        elif to is None:
            _as_json(fetched)
        else:
            with to.open("w", encoding="utf-8") as file:
                _as_json(fetched, file)


def _copy(fetched: Path) -> None:
    with fetched.open("rb") as file:
        shutil.copyfileobj(file, sys.stdout.buffer)
    sys.stdout.buffer.flush()


def _as_json(fetched: Path, file: TextIO | None = None) -> None:
    with fetched.open(encoding="utf-8-sig", newline="") as report:
        for row in csv.DictReader(report):
            output.emit({name: as_it_was(cell) for name, cell in row.items()}, file)


def as_it_was(cell: str | None) -> str | None:
    """A cell as it was before an apostrophe went in front of it, which keeps spreadsheets from taking it for a formula."""
    return cell[1:] if cell and cell[0] == "'" and cell.lstrip("'").startswith(_FORMULA_STARTS) else cell
