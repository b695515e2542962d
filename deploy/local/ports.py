"""Ports of an instance: free ones, kept for it from one start to the next.

Each instance owns a block of consecutive ports below the range that the kernel hands out for outgoing connections, so
that a client never sits on the port of a broker that is just restarting, and several instances run beside each other.
"""

import contextlib
import os
import random
import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path

from deploy.local.files import read_json, write_json

FIRST, END = 15_000, 32_000
"""The blocks lie between these: above well-known ports, below Linux's default ephemeral range (from 32,768)."""

BLOCK = 20
"""Ports of one block; an instance needs fewer."""


class NoFreePorts(Exception):  # noqa: N818 - it says what is the matter
    """No block of ports is free on this machine."""


def ports(file: Path, names: Sequence[str], *, in_use: bool) -> dict[str, int]:
    """Return a port for each name, the same as at the last start unless another program has taken one meanwhile.

    `file` keeps them. When `in_use`, the instance is running and its ports are taken by itself. Raises NoFreePorts.
    """
    known = read_json(file)
    if known and set(names) <= set(known) and (in_use or all(_free(port) for port in known.values())):
        return {name: int(known[name]) for name in names}
    base = _claim(file)
    chosen = {name: base + number for number, name in enumerate(names)}
    write_json(file, chosen)
    return chosen


def release(file: Path) -> None:
    """Give the block that `file` names back to other instances."""
    for port in read_json(file).values():
        claim = _claims() / str(port - port % BLOCK)
        with contextlib.suppress(OSError):
            if claim.read_text() == str(file):
                claim.unlink()


def _claim(file: Path) -> int:
    """Return the first port of a block that no living instance has claimed and whose ports are all free."""
    blocks = list(range(FIRST, END, BLOCK))
    random.shuffle(blocks)
    for base in blocks:
        claim = _claims() / str(base)
        with contextlib.suppress(OSError):
            # A claim whose instance is gone is stale; its directory may have been removed by hand.
            owner = Path(claim.read_text())
            if not owner.parent.exists():
                claim.unlink()
        try:
            descriptor = os.open(claim, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            continue
        os.write(descriptor, str(file).encode())
        os.close(descriptor)
        if all(_free(port) for port in range(base, base + BLOCK)):
            return base
        claim.unlink()
    raise NoFreePorts(f"no block of {BLOCK} free ports between {FIRST} and {END}")


def _claims() -> Path:
    """Return this user's directory of claims, one file for each block that is taken."""
    directory = Path(tempfile.gettempdir()) / f"octavo-ports-{os.getuid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    return directory


def _free(port: int) -> bool:
    """Tell whether a server could listen on the port of the loopback interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections that linger after a stop are no reason against listening again.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
