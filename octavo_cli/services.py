"""`octavo service` and `octavo guest`: who may send, how much, and to whom. For the platform team."""

from typing import Annotated

import typer

from octavo_cli import output
from octavo_cli.choices import Choice, choice
from octavo_cli.session import Json, Limit, as_admin, page_size
from octavo_client import Service, ServiceSettings, UnconfirmedPolicy

app = typer.Typer(no_args_is_help=True, help="Onboard services and change their settings (admin key).")
guests = typer.Typer(
    no_args_is_help=True, help="The recipients that a trial service or a team key may write to (admin key)."
)

ServiceId = Annotated[str, typer.Argument(metavar="SERVICE", help="The service's id.")]
Recipients = Annotated[list[str], typer.Argument(metavar="RECIPIENT...", help="Numbers and addresses.")]
ReplyTo = Annotated[
    list[str] | None,
    typer.Option("--reply-to", metavar="ADDRESS", help="A reply-to address; the first is the default."),
]
SmsSender = Annotated[
    list[str] | None, typer.Option("--sms-sender", metavar="NAME", help="A sender of texts; the first is the default.")
]
SmsPrefix = Annotated[bool | None, typer.Option("--sms-prefix/--no-sms-prefix", help="Put the name before each text.")]
SmsLimit = Annotated[int | None, typer.Option("--sms-daily-limit", help="Texts a day.")]
EmailLimit = Annotated[int | None, typer.Option("--email-daily-limit", help="Emails a day.")]
Rate = Annotated[int | None, typer.Option("--rate-per-minute", help="Messages a minute, with each kind of key.")]
Retention = Annotated[int | None, typer.Option("--retention-days", help="When personal data is erased: 1 to 90.")]
Trial = Annotated[bool | None, typer.Option("--trial/--live", help="Only its guests can be reached.")]
Suspended = Annotated[bool | None, typer.Option("--suspended/--active", help="It may look things up, but not send.")]
Unconfirmed = Annotated[
    Choice[UnconfirmedPolicy] | None,
    typer.Option("--unconfirmed", **choice(UnconfirmedPolicy), help="What becomes of a send that a provider may have."),
]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Its name, unique.")],
    *,
    reply_to: ReplyTo = None,
    sms_sender: SmsSender = None,
    sms_prefix: SmsPrefix = None,
    sms_daily_limit: SmsLimit = None,
    email_daily_limit: EmailLimit = None,
    rate_per_minute: Rate = None,
    retention_days: Retention = None,
    trial: Trial = None,
    suspended: Suspended = None,
    unconfirmed: Unconfirmed = None,
    as_json: Json = False,
) -> None:
    """Onboard a service. What is not given takes its default."""
    settings = _settings(
        reply_to_addresses=reply_to,
        sms_senders=sms_sender,
        sms_prefix=sms_prefix,
        sms_daily_limit=sms_daily_limit,
        email_daily_limit=email_daily_limit,
        rate_per_minute=rate_per_minute,
        retention_days=retention_days,
        trial=trial,
        suspended=suspended,
        unconfirmed_policy=unconfirmed,
    )
    with as_admin() as admin:
        _show(admin.services.create(name, **settings), as_json=as_json)


@app.command()
def update(
    service: ServiceId,
    *,
    name: Annotated[str | None, typer.Option(help="Its new name.")] = None,
    reply_to: ReplyTo = None,
    sms_sender: SmsSender = None,
    sms_prefix: SmsPrefix = None,
    sms_daily_limit: SmsLimit = None,
    email_daily_limit: EmailLimit = None,
    rate_per_minute: Rate = None,
    retention_days: Retention = None,
    trial: Trial = None,
    suspended: Suspended = None,
    unconfirmed: Unconfirmed = None,
    as_json: Json = False,
) -> None:
    """Change what is given, and nothing else. `--reply-to ""` and `--sms-sender ""` empty the list."""
    settings = _settings(
        reply_to_addresses=reply_to,
        sms_senders=sms_sender,
        sms_prefix=sms_prefix,
        sms_daily_limit=sms_daily_limit,
        email_daily_limit=email_daily_limit,
        rate_per_minute=rate_per_minute,
        retention_days=retention_days,
        trial=trial,
        suspended=suspended,
        unconfirmed_policy=unconfirmed,
    )
    if name is None and not settings:
        raise typer.BadParameter("give what is to change")
    with as_admin() as admin:
        _show(admin.services.update(service, name=name, **settings), as_json=as_json)


@app.command()
def get(service: ServiceId, *, as_json: Json = False) -> None:
    """Show a service."""
    with as_admin() as admin:
        _show(admin.services.get(service), as_json=as_json)


@app.command("list")
def listing(*, limit: Limit = 50, as_json: Json = False) -> None:
    """List services, newest first."""
    with as_admin() as admin:
        output.listing(
            admin.services.list(page_size=page_size(limit)),
            limit,
            ("id", "name", "trial", "suspended", "SMS a day", "emails a day"),
            lambda s: (s.id, s.name, s.trial, s.suspended, f"{s.sms_daily_limit:,}", f"{s.email_daily_limit:,}"),
            as_json=as_json,
            empty="no services",
        )


@app.command("unconfirmed")
def list_unconfirmed(
    service: Annotated[str, typer.Argument(metavar="[SERVICE]", help="The service's id; all if it is left out.")] = "",
    *,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List the sends that a provider may have, without a clear answer."""
    with as_admin() as admin:
        output.listing(
            admin.services.unconfirmed(service, page_size=page_size(limit)),
            limit,
            ("id", "type", "provider", "reason", "since", "policy", "decided"),
            lambda s: (s.notification_id, s.type, s.provider, s.reason, s.unconfirmed_at, s.policy, s.decided_at),
            as_json=as_json,
            empty="no unconfirmed sends",
        )


@guests.command("add")
def add_guests(service: ServiceId, recipients: Recipients, *, as_json: Json = False) -> None:
    """Add recipients to a guest list: all, or none if one is not valid."""
    with as_admin() as admin:
        added = admin.services.add_guests(service, recipients)
    if as_json:
        for guest in added:
            output.emit(guest)
        return
    output.table(("recipient", "added"), ((guest.recipient, guest.created_at) for guest in added))


@guests.command("remove")
def remove_guests(service: ServiceId, recipients: Recipients, *, as_json: Json = False) -> None:
    """Take recipients off a guest list."""
    with as_admin() as admin:
        removed = admin.services.remove_guests(service, recipients)
    if as_json:
        output.emit({"removed": removed})
    else:
        output.facts([("removed", removed)])


@guests.command("list")
def list_guests(service: ServiceId, *, limit: Limit = 50, as_json: Json = False) -> None:
    """Show a guest list, newest first."""
    with as_admin() as admin:
        output.listing(
            admin.services.guests(service, page_size=page_size(limit)),
            limit,
            ("recipient", "added"),
            lambda guest: (guest.recipient, guest.created_at),
            as_json=as_json,
            empty="no guests",
        )


def _settings(**given: object) -> ServiceSettings:
    """Those that were given. One empty text stands for an empty list, which a command line can't say otherwise."""
    settings = ServiceSettings()
    for name, value in given.items():
        if value is not None:
            settings[name] = [] if value == [""] else value  # type: ignore[literal-required]
    return settings


def _show(service: Service, *, as_json: bool) -> None:
    if as_json:
        output.emit(service)
        return
    output.facts(
        [
            ("id", service.id),
            ("name", service.name),
            ("reply to", service.reply_to_addresses),
            ("SMS senders", service.sms_senders),
            ("name before texts", service.sms_prefix),
            ("SMS a day", f"{service.sms_daily_limit:,}"),
            ("emails a day", f"{service.email_daily_limit:,}"),
            ("messages a minute", f"{service.rate_per_minute:,}"),
            ("data kept for", f"{service.retention_days} days"),
            ("trial", service.trial),
            ("suspended", service.suspended),
            ("unconfirmed sends", service.unconfirmed_policy),
            ("created", service.created_at),
            ("changed", service.updated_at),
        ]
    )
