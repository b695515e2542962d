"""The progress of a CSV job: its upload, then its rows until the last receipt. Bars on a terminal, else a line now and then."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from octavo_cli.output import shown, side
from octavo_client import Job, JobStatus

EVERY_SECONDS = 30.0
"""How often lines tell of rows at most."""


@contextmanager
def uploading(size_bytes: int, *, hidden: bool) -> Iterator[Callable[[int], None]]:
    """Shows how much of a file has gone: call what it gives with the bytes so far."""
    columns = (TextColumn("uploading"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with _bar(columns, hidden=hidden) as bar:
        task = bar.add_task("", total=size_bytes)
        yield lambda gone: bar.update(task, completed=gone)


def follow(job: Job, states: Iterable[Job], *, hidden: bool) -> Job:
    """Shows the states of a job as they come; the last of them."""
    console = side()
    if not hidden and not console.is_terminal:
        return _told(job, states, console)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with _bar(columns, hidden=hidden) as bar:
        task = bar.add_task(summary(job), total=job.total_rows, completed=job.settled_rows)
        for state in states:
            job = state
            bar.update(task, description=summary(job), total=job.total_rows, completed=job.settled_rows)
    return job


def _told(job: Job, states: Iterable[Job], console: Console) -> Job:
    with Lines(console) as lines:
        for state in states:
            job = state
            lines.tell(job)
    return job


class Lines:
    """Tells of a job in lines, for a log: at once what its status is, and every so many seconds what became of its rows."""

    def __init__(self, console: Console, every: float = EVERY_SECONDS) -> None:
        self._console = console
        self._every = every
        self._lock = threading.Lock()
        self._over = threading.Event()
        # Of its own, as the last state may be an hour old when its turn comes.
        self._thread = threading.Thread(target=self._now_and_then, daemon=True)
        self._status: JobStatus | None = None
        self._line = self._said = ""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def tell(self, job: Job) -> None:
        """The job's state now."""
        with self._lock:
            self._line = summary(job)
            if job.status is not self._status:
                self._status = job.status
                self._say()

    def _now_and_then(self) -> None:
        while not self._over.wait(self._every):
            with self._lock:
                self._say()

    def _say(self) -> None:
        if self._line != self._said:
            self._console.print(shown(self._line), soft_wrap=True)
            self._said = self._line


def summary(job: Job) -> str:
    """A job in one line: where it stands, and how many rows came to what."""
    counted = [f"{line.count:,} {line.status}" for line in job.counts if line.count]
    if job.refused_rows:
        counted.append(f"{job.refused_rows:,} refused")
    if job.unread_rows:
        counted.append(f"{job.unread_rows:,} not read")
    return f"{job.status}: {', '.join(counted)}" if counted else str(job.status)


def _bar(
    columns: Iterable[TextColumn | BarColumn | DownloadColumn | MofNCompleteColumn | TimeElapsedColumn], *, hidden: bool
) -> Progress:
    console = side()
    return Progress(*columns, console=console, disable=hidden or not console.is_terminal)
