"""`octavo get`, `list`, `watch`, `cancel`, `statistics`: what became of messages."""

from datetime import date, datetime, timedelta
from itertools import islice
from typing import Annotated

import typer

from octavo_cli import output
from octavo_cli.choices import Choice, choice
from octavo_cli.moments import day, moment, span
from octavo_cli.sending import arrived_or_exit
from octavo_cli.session import Json, Limit, as_service, hint, page_size
from octavo_client import Change, DeadlineExceeded, Filter, Notification, NotificationType, Status

NotificationId = Annotated[str, typer.Argument(metavar="ID", help="The notification's id.")]
Type = Annotated[
    Choice[NotificationType] | None, typer.Option("--type", **choice(NotificationType), help="Only this type.")
]


def add_to(app: typer.Typer) -> None:
    """Adds these commands to the top level."""
    app.command("get")(get)
    app.command("list")(listing)
    app.command("watch")(watch)
    app.command("cancel")(cancel)
    app.command("statistics")(statistics)


def get(notification: NotificationId, *, as_json: Json = False) -> None:
    """Show one message with its history."""
    with as_service() as octavo:
        _show(octavo.get(notification), as_json=as_json)


def listing(
    *,
    notification_type: Type = None,
    status: Annotated[
        list[Choice[Status]] | None, typer.Option(**choice(Status), help="Only this status; once for each.")
    ] = None,
    template: Annotated[str, typer.Option(metavar="ID", help="Only of this template.")] = "",
    reference: Annotated[str, typer.Option(help="Only with exactly this reference.")] = "",
    job: Annotated[str, typer.Option(metavar="ID", help="Only of this CSV job.")] = "",
    recipient: Annotated[str, typer.Option(help="Only to this number or address.")] = "",
    since: Annotated[
        datetime | None, typer.Option("--from", parser=moment, metavar="TIME", help="Only from then on.")
    ] = None,
    before: Annotated[datetime | None, typer.Option(parser=moment, metavar="TIME", help="Only before then.")] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List messages, newest first."""
    where = Filter(notification_type, status or (), template, reference, job, since, before, recipient)
    with as_service() as octavo:
        found = islice(octavo.list(where, page_size=page_size(limit)), limit or None)
        if as_json:
            for item in found:
                output.emit(item)
            return
        columns = ("id", "created", "type", "status", "reference", "why")
        rows = ((n.id, n.created_at, n.type, n.status, n.reference, n.status_reason) for n in found)
        output.table(columns, rows, empty="no messages")


def watch(
    context: typer.Context,
    notification: Annotated[
        str, typer.Argument(metavar="[ID]", help="Only this message; the whole service if not given.")
    ] = "",
    *,
    resume_token: Annotated[
        str, typer.Option(metavar="TOKEN", help="Go on after this change.", show_default=False)
    ] = "",
    timeout: Annotated[
        timedelta | None, typer.Option(parser=span, metavar="SPAN", help="How long to watch, such as 5m.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Follow changes of status as they happen: of one message until it is settled, or of all.

    For one message the exit status is 8 unless it arrived, and 7 if it is not settled in time.
    """
    with as_service() as octavo:
        try:
            for seen in octavo.watch(notification, resume_token=resume_token, timeout=timeout):
                again = (
                    "octavo",
                    "watch",
                    *([notification] if notification else []),
                    "--resume-token",
                    seen.resume_token,
                )
                hint(context, f"to go on from here: {' '.join(again)}")
                _show_change(seen, as_json=as_json)
        except DeadlineExceeded:
            # A service never settles: the time given is the end that was asked for.
            if notification:
                raise
        if notification:
            arrived_or_exit(octavo.get(notification))


def cancel(notification: NotificationId, *, as_json: Json = False) -> None:
    """Withdraw a message that no provider has yet."""
    with as_service() as octavo:
        _show(octavo.cancel(notification), as_json=as_json)


def statistics(
    *,
    since: Annotated[
        date | None, typer.Option("--from", parser=day, metavar="DAY", help="First day; seven days ago if not given.")
    ] = None,
    until: Annotated[
        date | None, typer.Option("--to", parser=day, metavar="DAY", help="Last day; today if not given.")
    ] = None,
    template: Annotated[str, typer.Option(metavar="ID", help="Only of this template.")] = "",
    notification_type: Type = None,
    as_json: Json = False,
) -> None:
    """Count messages by day (UTC), template, type and status."""
    with as_service() as octavo:
        lines = octavo.statistics(since, until, template_id=template, type=notification_type)
    if as_json:
        for counted in lines:
            output.emit(counted)
        return
    rows = ((counted.day, counted.template_id, counted.type, counted.status, f"{counted.count:,}") for counted in lines)
    output.table(("day", "template", "type", "status", "count"), rows, empty="no messages")


def _show_change(seen: Change, *, as_json: bool) -> None:
    if as_json:
        output.emit(seen)
        return
    moved = seen.change
    output.line((moved.at, seen.notification_id, seen.type, moved.status, seen.reference, moved.reason))


def _show(found: Notification, *, as_json: bool) -> None:
    if as_json:
        output.emit(found)
        return
    output.facts(
        [
            ("id", found.id),
            ("type", found.type),
            ("status", found.status),
            ("why", found.status_reason),
            ("unconfirmed", found.unconfirmed or None),
            ("to", found.recipient),
            ("reference", found.reference),
            ("template", f"{found.template_id} version {found.template_version}"),
            ("subject", found.subject),
            ("parts", f"{found.parts} ({found.encoding})" if found.parts else ""),
            ("key", found.key_type),
            ("provider", f"{found.provider} {found.provider_reference}".strip()),
            ("attempts", found.attempts or None),
            ("job", f"{found.job_id} row {found.job_row}" if found.job_id else ""),
            ("created", found.created_at),
            ("send at", found.send_at),
            ("sent", found.sent_at),
            ("completed", found.completed_at),
            ("complaint", found.complained_at),
        ]
    )
    output.body(found.body)
    if found.history:
        rows = ((change.at, change.status, change.reason) for change in found.history)
        output.table(("time (UTC)", "status", "why"), rows)
