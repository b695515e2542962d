"""The ways into Octavo for programs."""

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


class Connection:
    """What the clients share: an address (host:port), a key, and how long to try.

    `deadline` (seconds) bounds every call with its repetitions, `attempt_deadline` each of them; `attempts` counts them. `tls`:
    True trusts the authorities of the system, a file those in it; False sends the key in the clear, as a service mesh expects.
    `tls_name`: whose certificate is expected, if not that of the address, as behind a forwarded port.
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
    ) -> None:
        if not key.isascii() or not key.isprintable():
            raise ValueError("an API key has letters, digits, _ and - only")
        self._channel = channel(address, tls, tls_name)
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


def channel(address: str, tls: bool | Path, tls_name: str = "") -> grpc.Channel:
    """A connection, made when first used. Raises ValueError for a name of a certificate without TLS."""
    if not tls:
        if tls_name:
            raise ValueError("tls_name is of no use without tls")
        return grpc.insecure_channel(address, options=_OPTIONS)
    roots = tls.read_bytes() if isinstance(tls, Path) else None
    expected = (("grpc.ssl_target_name_override", tls_name),) if tls_name else ()
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(roots), options=(*_OPTIONS, *expected))
