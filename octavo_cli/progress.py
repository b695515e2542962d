"""The progress bars of a CSV job: its upload, then its rows until the last receipt. Only on a terminal."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from octavo_cli.output import side
from octavo_client import Job


@contextmanager
def uploading(size_bytes: int, *, hidden: bool) -> Iterator[Callable[[int], None]]:
    """Shows how much of a file has gone: call what it gives with the bytes so far."""
    columns = (TextColumn("uploading"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with _bar(columns, hidden=hidden) as bar:
        task = bar.add_task("", total=size_bytes)
        yield lambda gone: bar.update(task, completed=gone)


def follow(job: Job, states: Iterable[Job], *, hidden: bool) -> Job:
    """Shows the states of a job as they come; the last of them."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with _bar(columns, hidden=hidden) as bar:
        task = bar.add_task(summary(job), total=job.total_rows, completed=job.settled_rows)
        for state in states:
            job = state
            bar.update(task, description=summary(job), total=job.total_rows, completed=job.settled_rows)
    return job


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
