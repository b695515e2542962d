"""`octavo send`: one message, and its outcome if that is waited for."""

from datetime import datetime, timedelta
from typing import Annotated

import typer

from octavo_cli import output, placeholders
from octavo_cli.failures import Exit
from octavo_cli.moments import moment, span
from octavo_cli.session import Json, as_service, hint
from octavo_client import Client, Email, Notification, Sent, Sms, Status, new_request_id

app = typer.Typer(no_args_is_help=True, help="Send one text message or one email.")

TemplateId = Annotated[str, typer.Argument(metavar="TEMPLATE", help="The template's id.")]
Reference = Annotated[str, typer.Option(help="Your own name for it.")]
SendAt = Annotated[
    datetime | None,
    typer.Option(parser=moment, metavar="TIME", help="When to send, at most 14 days ahead; at once if not given."),
]
RequestId = Annotated[
    str, typer.Option(metavar="UUIDv7", help="Sending again with the same id sends nothing twice.", show_default=False)
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for the final status; exit status 8 unless it arrived.")]
Timeout = Annotated[
    timedelta | None,
    typer.Option(parser=span, metavar="SPAN", help="How long to wait, such as 5m; for ever if not given."),
]

ARRIVED = frozenset({Status.DELIVERED, Status.SENT})


@app.command()
def sms(
    context: typer.Context,
    template: TemplateId,
    to: Annotated[str, typer.Argument(metavar="NUMBER", help="The phone number.")],
    *,
    values: placeholders.Values = None,
    items: placeholders.Items = None,
    source: placeholders.Source = None,
    reference: Reference = "",
    send_at: SendAt = None,
    sender: Annotated[str, typer.Option(help="One of the service's SMS senders.")] = "",
    request_id: RequestId = "",
    wait: Wait = False,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Send a text message."""
    put_in = placeholders.personalisation(values, items, source)
    message = Sms(template, to, put_in, reference, send_at, sender, request_id or new_request_id())
    _send(context, message, wait=wait, timeout=timeout, as_json=as_json)


@app.command()
def email(
    context: typer.Context,
    template: TemplateId,
    to: Annotated[str, typer.Argument(metavar="ADDRESS", help="The email address.")],
    *,
    values: placeholders.Values = None,
    items: placeholders.Items = None,
    source: placeholders.Source = None,
    reference: Reference = "",
    send_at: SendAt = None,
    reply_to: Annotated[str, typer.Option(help="One of the service's reply-to addresses.")] = "",
    request_id: RequestId = "",
    wait: Wait = False,
    timeout: Timeout = None,
    as_json: Json = False,
) -> None:
    """Send an email."""
    put_in = placeholders.personalisation(values, items, source)
    message = Email(template, to, put_in, reference, send_at, reply_to, request_id or new_request_id())
    _send(context, message, wait=wait, timeout=timeout, as_json=as_json)


_WIDEST = len("subject")
"""Of the names that are shown before the wait and after it."""


def arrived_or_exit(notification: Notification) -> None:
    """Ends the command with status 8 if a message is settled, but did not arrive."""
    if notification.status not in ARRIVED:
        raise typer.Exit(Exit.NOT_DELIVERED)


def _send(
    context: typer.Context, message: Sms | Email, *, wait: bool, timeout: timedelta | None, as_json: bool
) -> None:
    hint(context, f"to try again without sending twice, add --request-id {message.request_id}")
    with as_service() as octavo:
        sent = octavo.send(message)
        hint(context, f"it is accepted: octavo get {sent.id}")
        if wait:
            _show_outcome(octavo, sent, timeout, as_json=as_json)
        elif as_json:
            output.emit(sent)
        else:
            output.facts([("id", sent.id), *_about(sent)])
            output.body(sent.body)


def _show_outcome(octavo: Client, sent: Sent, timeout: timedelta | None, *, as_json: bool) -> None:
    if not as_json:
        # Known at once, whatever becomes of the wait.
        output.facts([("id", sent.id), *_about(sent)], width=_WIDEST)
    octavo.wait(sent.id, timeout)
    settled = octavo.get(sent.id)
    if as_json:
        output.emit(settled)
    else:
        output.facts([("status", settled.status), ("why", settled.status_reason)], width=_WIDEST)
        output.body(settled.body)
    arrived_or_exit(settled)


def _about(sent: Sent) -> list[tuple[str, object]]:
    return [
        ("subject", sent.subject),
        ("parts", f"{sent.parts} ({sent.encoding})" if sent.parts else ""),
        ("send at", sent.send_at),
    ]
