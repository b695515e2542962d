"""What every command works with: the clients, made when one is needed, and whether answers are JSON."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, TypeVar

import typer

from octavo_cli import configuration
from octavo_cli.failures import remark
from octavo_client import AdminClient, Client, QuotaExceeded, Unavailable

C = TypeVar("C", Client, AdminClient)

_JSON = "octavo.json"
_HINT = "octavo.hint"
_NO_ANSWER = {
    "errors resolving": "there is no such host",
    "DNS resolution failed": "there is no such host",
    "failed to connect to all addresses": "no connection can be made",
    "connections to all backends failing": "no connection can be made",
}
"""How gRPC begins its account when nobody answers, and what that means."""
_FAULTS_OF_TLS = {
    "WRONG_VERSION_NUMBER": "it speaks no TLS, which OCTAVO_TLS, or `tls` in {file}, asks for",
    "CERTIFICATE_VERIFY_FAILED": "no authority that is trusted vouches for its certificate; OCTAVO_TLS, or `tls` in {file}, "
    "may name a file with those to trust",
    "Hostname Verification": "its certificate is for another name, which OCTAVO_TLS_NAME, or `tls_name` in {file}, may give",
}
"""What stands in that account where TLS does not come about."""
_HANGS_UP = ("Socket closed", "Connection reset")
_NO_ENTRY = {
    False: "it hangs up; if it asks for a certificate, set OCTAVO_TLS_CERTIFICATE and OCTAVO_TLS_KEY, or `tls_certificate` and "
    "`tls_key` in {file}",
    True: "it hangs up, as one that does not accept the certificate of OCTAVO_TLS_CERTIFICATE, or `tls_certificate` in {file}",
}
"""What a server means that hangs up with TLS, by whether a certificate is shown to it."""


def _remember(context: typer.Context, value: bool) -> bool:
    context.meta[_JSON] = value
    return value


Json = Annotated[
    bool, typer.Option("--json", help="Answer in JSON, one object a line.", callback=_remember, is_eager=True)
]
Service = Annotated[
    str,
    typer.Option(
        "--service", metavar="ID", help="The service whose they are; needs the admin key.", show_default=False
    ),
]
Limit = Annotated[int, typer.Option(min=0, help="How many at most; 0 shows all.")]
MOST_ON_A_PAGE = 250


def wants_json(context: typer.Context) -> bool:
    """Whether this command was given --json."""
    return bool(context.meta.get(_JSON))


def hint(context: typer.Context, text: str, *, at_limit: str = "") -> None:
    """What to advise if this command fails, or is interrupted, from now on; `at_limit` if a limit refuses, which does nothing."""
    context.meta[_HINT] = (text, at_limit or text)


def hint_of(context: typer.Context, error: BaseException) -> str:
    """The advice for a failure of this command."""
    text, at_limit = context.meta.get(_HINT, ("", ""))
    return str(at_limit if isinstance(error, QuotaExceeded) else text)


@contextmanager
def as_service() -> Iterator[Client]:
    """A client with the key of a service. Raises ConfigurationError."""
    found = _load()
    address, key = found.need_address(), _header(found.need_api_key(), "api_key")
    with _reaching(found), _made(Client, address, key, found) as client:
        yield client


@contextmanager
def as_admin() -> Iterator[AdminClient]:
    """A client with the key of the platform team. Raises ConfigurationError."""
    found = _load()
    address, key = found.need_address(), _header(found.need_admin_key(), "admin_key")
    with _reaching(found), _made(AdminClient, address, key, found) as client:
        yield client


def _made(kind: type[C], address: str, key: str, found: configuration.Configuration) -> C:
    """A client of this kind. Raises ConfigurationError."""
    tls = found.need_tls()
    try:
        return kind(
            address,
            key,
            tls=tls,
            tls_name=found.tls_name,
            tls_certificate=found.tls_certificate,
            tls_key=found.tls_key,
        )
    except ValueError as error:
        raise configuration.ConfigurationError(str(error)) from None


@contextmanager
def _reaching(found: configuration.Configuration) -> Iterator[None]:
    """Says where nobody answered, in place of gRPC's account of its attempts."""
    try:
        yield
    except Unavailable as error:
        why = _why(error.message, found)
        if why is None:
            raise
        with_tls = " with TLS" if found.tls else ""
        message = f"Octavo does not answer at {found.address}{with_tls}: {why}"
        raise Unavailable(error.code, error.reason, message) from None


def _why(account: str, found: configuration.Configuration) -> str | None:
    """What gRPC's account of its attempts comes to; None if it is no such account."""
    why = next((why for begins, why in _NO_ANSWER.items() if account.startswith(begins)), None)
    if why is None:
        return None
    if not found.tls and account.endswith(_HANGS_UP):
        return f"it hangs up; if it speaks TLS, set OCTAVO_TLS, or `tls` in {found.file}"
    if account.endswith(_HANGS_UP):
        return _NO_ENTRY[found.tls_certificate is not None].format(file=found.file)
    return next((fault for words, fault in _FAULTS_OF_TLS.items() if words in account), why).format(file=found.file)


def page_size(limit: int) -> int:
    """How many items a page must have to show so many."""
    return min(limit or MOST_ON_A_PAGE, MOST_ON_A_PAGE)


def _load() -> configuration.Configuration:
    found = configuration.load(os.environ)
    for warning in found.warnings:
        remark(f"warning: {warning}")
    return found


def _header(key: str, name: str) -> str:
    if not key.isascii() or not key.isprintable():
        raise configuration.ConfigurationError(f"{name} has characters that no key has")
    return key
