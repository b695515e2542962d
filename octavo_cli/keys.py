"""`octavo key`: the API keys of services. For the platform team."""

from typing import Annotated

import typer

from octavo_cli import output
from octavo_cli.choices import Choice, choice
from octavo_cli.failures import remark
from octavo_cli.session import Json, Limit, as_admin, page_size
from octavo_client import ApiKey, KeyType

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys (admin key).")

ServiceId = Annotated[str, typer.Argument(metavar="SERVICE", help="The service's id.")]


@app.command()
def create(
    service: ServiceId,
    name: Annotated[str, typer.Argument(help="Its name, for people.")],
    *,
    key_type: Annotated[
        Choice[KeyType], typer.Option("--type", **choice(KeyType), help="Whom it reaches: anybody, guests, or nobody.")
    ],
    as_json: Json = False,
) -> None:
    """Make a key. Its secret is shown this once."""
    with as_admin() as admin:
        made = admin.keys.create(service, name, key_type)
    if as_json:
        output.emit(made)
        return
    _show(made.api_key)
    output.body(made.secret)
    remark("Keep this secret now: it can't be shown again. Callers send it as OCTAVO_API_KEY.")


@app.command("list")
def listing(service: ServiceId, *, limit: Limit = 50, as_json: Json = False) -> None:
    """List the keys of a service, newest first."""
    with as_admin() as admin:
        output.listing(
            admin.keys.list(service, page_size=page_size(limit)),
            limit,
            ("id", "name", "type", "created", "last used", "revoked"),
            lambda key: (key.id, key.name, key.type, key.created_at, key.last_used_at, key.revoked_at),
            as_json=as_json,
            empty="no keys",
        )


@app.command()
def revoke(
    service: ServiceId,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key's id.")],
    *,
    as_json: Json = False,
) -> None:
    """Revoke a key for good, everywhere within 10 seconds."""
    with as_admin() as admin:
        revoked = admin.keys.revoke(service, key)
    if as_json:
        output.emit(revoked)
    else:
        _show(revoked)


def _show(key: ApiKey) -> None:
    output.facts(
        [
            ("id", key.id),
            ("name", key.name),
            ("type", key.type),
            ("created", key.created_at),
            ("last used", key.last_used_at),
            ("revoked", key.revoked_at),
        ]
    )
