"""The ways into Octavo for programs."""

import ssl
from pathlib import Path
from typing import Self, TypedDict, Unpack

import grpc

from octavo_client.call import Caller, Patience
from octavo_client.jobs import Jobs
from octavo_client.notifications import Notifications
from octavo_client.services import ApiKeys, Services
from octavo_client.templates import Templates

_OPTIONS = (
    # A dead connection is noticed while a stream waits; Octavo lets clients ask every 10 seconds.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # A server that comes back is found soon.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # Of several servers each in turn; one that is about to stop says so, and is left before it does.
    ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}}'),
    # Pages of long emails.
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
)


class How(TypedDict, total=False):
    """The options of a connection."""

    deadline: float
    attempt_deadline: float
    attempts: int
    tls: bool | Path
    tls_name: str
    tls_certificate: Path | None
    tls_key: Path | None


class Connection:
    """What the clients share: an address (host:port), a key, and how long to try.

    `deadline` (seconds) bounds every call with its repetitions, `attempt_deadline` each of them; `attempts` counts them. `tls`:
    True trusts the authorities of the system, a file those in it; False sends the key in the clear, as a service mesh expects.
    `tls_name`: whose certificate is expected, if not that of the address, as behind a forwarded port. `tls_certificate` and
    `tls_key`: what this client shows of itself, PEM, where the server asks for it; read once, here.
    """

    def __init__(
        self,
        address: str,
        key: str,
        *,
        deadline: float = 30.0,
        attempt_deadline: float = 10.0,
        attempts: int = 5,
        tls: bool | Path = False,
        tls_name: str = "",
        tls_certificate: Path | None = None,
        tls_key: Path | None = None,
    ) -> None:
        if not key.isascii() or not key.isprintable():
            raise ValueError("an API key has letters, digits, _ and - only")
        self._channel = channel(address, tls, tls_name, tls_certificate, tls_key)
        self._caller = Caller(self._channel, key, Patience(deadline, attempt_deadline, attempts))

    def close(self) -> None:
        """Ends all calls and the connection."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Client(Connection, Notifications):
    """What a service does, with its API key. Make one and share it: it is safe between threads, not after a fork."""

    def __init__(self, address: str, key: str, **how: Unpack[How]) -> None:
        Connection.__init__(self, address, key, **how)
        Notifications.__init__(self, self._caller)
        self.templates = Templates(self._caller)
        self.jobs = Jobs(self._caller)


class AdminClient(Connection):
    """What the platform team does, with the admin key. As safe to share as a Client."""

    def __init__(self, address: str, key: str, **how: Unpack[How]) -> None:
        super().__init__(address, key, **how)
        self.services = Services(self._caller)
        self.keys = ApiKeys(self._caller)

    def templates_of(self, service_id: str) -> Templates:
        """The templates of a service."""
        return Templates(self._caller, service_id)


def channel(
    address: str,
    tls: bool | Path,
    tls_name: str = "",
    tls_certificate: Path | None = None,
    tls_key: Path | None = None,
) -> grpc.Channel:
    """A connection, made when first used. Raises ValueError for what is of no use without TLS or does not fit together."""
    if not tls:
        if tls_name:
            raise ValueError("tls_name is of no use without tls")
        if tls_certificate or tls_key:
            raise ValueError("tls_certificate and tls_key are of no use without tls")
        return grpc.insecure_channel(address, options=_OPTIONS)
    roots = tls.read_bytes() if isinstance(tls, Path) else None
    own_key, own_chain = _own(tls_certificate, tls_key)
    expected = (("grpc.ssl_target_name_override", tls_name),) if tls_name else ()
    credentials = grpc.ssl_channel_credentials(roots, own_key, own_chain)
    return grpc.secure_channel(address, credentials, options=(*_OPTIONS, *expected))


def _own(certificate: Path | None, key: Path | None) -> tuple[bytes | None, bytes | None]:
    """The client's key and its certificate. Checked here, since gRPC would only say that no connection can be made."""
    if certificate is None and key is None:
        return None, None
    if certificate is None or key is None:
        raise ValueError("tls_certificate and tls_key go together")
    content = key.read_bytes(), certificate.read_bytes()
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password="")
    except ssl.SSLError:
        # The reason is left out: it is OpenSSL's, and tells little.
        raise ValueError(
            f"{certificate} and {key} are no certificate and its key, in PEM, without a password"
        ) from None
    return content
