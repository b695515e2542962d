"""`octavo job`: one message for each row of a CSV file, followed until the last receipt."""

from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from octavo_cli import output, progress
from octavo_cli.failures import Exit, remark
from octavo_cli.moments import moment, span
from octavo_cli.report import write_report
from octavo_cli.sending import ARRIVED
from octavo_cli.session import Json, Limit, as_service, hint
from octavo_client import Client, CsvFile, Job, JobStatus

app = typer.Typer(no_args_is_help=True, help="Send a CSV file, and follow what becomes of its rows.")

MOST_ON_A_PAGE = 50
FEW_PROBLEMS = 20
_AT_LIMIT = (
    "no row is sent: send fewer of them now, or all after midnight UTC if they are no more than the limit of a day, "
    "which the platform team can raise"
)

JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]
CsvPath = Annotated[
    Path, typer.Argument(metavar="CSV", exists=True, dir_okay=False, readable=True, help="The file, with a header.")
]
TemplateId = Annotated[
    str, typer.Option("--template", metavar="ID", help="The template; its placeholders are columns.")
]
ReplyTo = Annotated[str, typer.Option(help="One of the service's reply-to addresses, for email.")]
Sender = Annotated[str, typer.Option(help="One of the service's SMS senders, for SMS.")]
Timeout = Annotated[
    timedelta | None,
    typer.Option(parser=span, metavar="SPAN", help="How long to follow, such as 5m; for ever if not given."),
]


@app.command()
def send(
    context: typer.Context,
    file: CsvPath,
    template: TemplateId,
    *,
    send_at: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="TIME", help="When to send, at most 14 days ahead; at once if not given."),
    ] = None,
    reply_to: ReplyTo = "",
    sender: Sender = "",
    wait: Annotated[
        bool | None,
        typer.Option(
            "--wait/--no-wait",
            help="Follow until the last receipt, which is so unless there is a --send-at.",
            show_default=False,
        ),
    ] = None,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Send a message for each row, and follow them until the last receipt.

    Rows that something is wrong with are told, and the others sent. The exit status is 8 unless all rows arrived.
    """
    with as_service() as octavo:
        stored = _upload(octavo, file, hidden=as_json)
        # Nothing is sent before this. The client repeats it safely; another upload would be another job.
        hint(context, "look whether `octavo job list` has it before you send the file again", at_limit=_AT_LIMIT)
        job = octavo.jobs.create(
            template,
            stored,
            file_name=file.name,
            send_at=send_at,
            reply_to=reply_to,
            sms_sender=sender,
        )
        hint(context, f"the job goes on: octavo job watch {job.id}")
        if not as_json:
            remark(f"job {job.id}: {job.total_rows:,} rows, {job.refused_rows:,} refused")
            _problems(job)
        if wait if wait is not None else send_at is None:
            progress.follow(job, octavo.jobs.watch(job.id, timeout=timeout), hidden=as_json)
            settled = octavo.jobs.get(job.id)
            _show(settled, as_json=as_json)
            _arrived_or_exit(settled)
        else:
            _show(job, as_json=as_json)


@app.command()
def check(
    file: CsvPath, template: TemplateId, *, reply_to: ReplyTo = "", sender: Sender = "", as_json: Json = False
) -> None:
    """Tell what is wrong with a file, and send nothing. The exit status is 3 if any row would be refused."""
    with as_service() as octavo:
        stored = _upload(octavo, file, hidden=as_json)
        job = octavo.jobs.check(template, stored, file_name=file.name, reply_to=reply_to, sms_sender=sender)
    if as_json:
        output.emit(job)
    else:
        output.facts([("rows", f"{job.total_rows:,}"), ("refused", f"{job.refused_rows:,}")])
        _problems(job)
    if job.refused_rows:
        raise typer.Exit(Exit.REFUSED)


@app.command()
def get(job: JobId, *, as_json: Json = False) -> None:
    """Show a job with its counts and first problems."""
    with as_service() as octavo:
        found = octavo.jobs.get(job)
    _show(found, as_json=as_json)
    if not as_json:
        _problems(found)


@app.command("list")
def listing(*, limit: Limit = 20, as_json: Json = False) -> None:
    """List jobs, newest first."""
    with as_service() as octavo:
        found = islice(octavo.jobs.list(page_size=min(limit or MOST_ON_A_PAGE, MOST_ON_A_PAGE)), limit or None)
        if as_json:
            for job in found:
                output.emit(job)
            return
        rows = ((j.id, j.created_at, j.file_name, j.status, f"{j.settled_rows:,} of {j.total_rows:,}") for j in found)
        output.table(("id", "created", "file", "status", "settled"), rows, empty="no jobs")


@app.command()
def watch(job: JobId, *, timeout: Timeout = None, as_json: Json = False) -> None:
    """Follow a job until its last receipt. The exit status is 8 unless all rows arrived."""
    with as_service() as octavo:
        states = octavo.jobs.watch(job, timeout=timeout)
        if as_json:
            last = None
            for last in states:
                output.emit(last)
        else:
            last = progress.follow(octavo.jobs.get(job), states, hidden=False)
            _show(last, as_json=False)
    if last is not None:
        _arrived_or_exit(last)


@app.command()
def cancel(job: JobId, *, as_json: Json = False) -> None:
    """End a job: what no worker has taken is not sent."""
    with as_service() as octavo:
        _show(octavo.jobs.cancel(job), as_json=as_json)


@app.command()
def report(
    job: JobId,
    *,
    to: Annotated[
        Path | None,
        typer.Option("--output", "-o", dir_okay=False, help="The file to write; standard output if not given."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Download the rows of a job, each with its status or with what is wrong with it: CSV, or JSON lines with --json.

    A cell that a spreadsheet could take for a formula begins with an apostrophe.
    """
    with as_service() as octavo:
        write_report(octavo.jobs, job, to, as_json=as_json)


def _upload(octavo: Client, file: Path, *, hidden: bool) -> CsvFile:
    with progress.uploading(file.stat().st_size, hidden=hidden) as on_uploaded:
        return octavo.jobs.upload(file, on_uploaded)


def _arrived_or_exit(job: Job) -> None:
    arrived = sum(line.count for line in job.counts if line.status in ARRIVED)
    if job.status is not JobStatus.FINISHED or arrived < job.total_rows:
        raise typer.Exit(Exit.NOT_DELIVERED)


def _show(job: Job, *, as_json: bool) -> None:
    if as_json:
        output.emit(job)
        return
    output.facts(
        [
            ("job", job.id),
            ("status", job.status),
            ("why", job.error),
            ("file", job.file_name or (job.file.object_key if job.file else "")),
            ("template", f"{job.template_id} version {job.template_version}"),
            ("created", job.created_at),
            ("send at", job.send_at),
            ("started", job.started_at),
            ("cancelled" if job.status is JobStatus.CANCELLED else "read", job.finished_at),
            ("rows", f"{job.total_rows:,}"),
            ("refused", f"{job.refused_rows:,}" if job.refused_rows else None),
            ("not read", f"{job.unread_rows:,}" if job.unread_rows else None),
            *((str(line.status), f"{line.count:,}") for line in job.counts if line.count),
        ]
    )


def _problems(job: Job) -> None:
    if not job.problems:
        return
    rows = ((p.row, p.column, p.description, p.reason) for p in job.problems[:FEW_PROBLEMS])
    output.table(("row", "column", "problem", "reason"), rows)
    if len(job.problems) > FEW_PROBLEMS:
        remark(f"… and more; `octavo job report {job.id}` has all of them" if job.id else "… and more; --json has them")
