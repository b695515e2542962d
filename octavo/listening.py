"""Listening on an address that somebody configured."""

from collections.abc import Iterator
from contextlib import contextmanager

from octavo.loading import Misconfigured


@contextmanager
def listening(variables: str, host: str, port: int) -> Iterator[None]:
    """What listens on an address inside. Raises Misconfigured, naming the variables, if that is in use or not this machine's."""
    try:
        yield
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise Misconfigured([f"{variables}: {host}:{port}: {why}"]) from None
    except RuntimeError as error:
        # What gRPC says; others of its kind are faults of ours.
        if "bind" not in str(error):
            raise
        raise Misconfigured([f"{variables}: {host}:{port} is in use, or not an address of this machine"]) from None
