"""Calls a gRPC method from a process of its own, and prints what it saw as JSON.

`python -m benchmarks.load ADDRESS METHOD REQUESTS SECONDS CONCURRENCY RATE FIELD [AUTHORITY]`: REQUESTS is a file of serialised
requests, each behind its length (4 bytes); with RATE 0 each caller calls again at once; each call gets a UUIDv7 of its own in
the field of this number, unless that is 0; AUTHORITY is a file of certificates, for TLS. The key is in OCTAVO_API_KEY; of
several, with spaces between them, each is for the request in its place.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import grpc
import uvloop

from benchmarks.figure import p99
from benchmarks.processes import cpu_seconds, wait_until
from deploy.local.instance import ROOT
from octavo.domain.ids import uuid7


def offer(
    address: str,
    method: str,
    requests: Sequence[bytes],
    *,
    key: str,
    seconds: float,
    concurrency: int = 64,
    rate: float = 0,
    authority: str = "",
    id_field: int = 0,
) -> dict[str, Any]:
    """Runs the load beside this process; calls, failures, seconds, p50_ms, p99_ms, and when it began (time.monotonic())."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"".join(len(one).to_bytes(4, "big") + one for one in requests))
        file.flush()
        command = [sys.executable, "-m", "benchmarks.load", address, method, file.name]
        command += [str(seconds), str(concurrency), str(rate), str(id_field), *([authority] if authority else [])]
        environment = {**os.environ, "OCTAVO_API_KEY": key}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def answered(seen: dict[str, Any]) -> dict[str, Any]:
    """What a load saw. Raises RuntimeError if any of its calls failed."""
    if seen["failures"]:
        raise RuntimeError(f"calls failed: {seen['failures']}")
    return seen


def warm(address: str, method: str, requests: Sequence[bytes], key: str, authority: str = "") -> None:
    """Offers calls for a second, again until some are answered."""
    wait_until(lambda: bool(offer(address, method, requests, key=key, seconds=1, authority=authority)["calls"]), 30)


def offered(
    pid: int,
    address: str,
    method: str,
    requests: Sequence[bytes],
    *,
    key: str,
    seconds: float,
    authority: str = "",
    id_field: int = 0,
) -> tuple[float, float]:
    """Calls a second, and microseconds of CPU that each costs the process which answers. Raises RuntimeError if any fails."""
    before = cpu_seconds(pid)
    seen = answered(offer(address, method, requests, key=key, seconds=seconds, authority=authority, id_field=id_field))
    return seen["calls"] / seen["seconds"], (cpu_seconds(pid) - before) / float(seen["calls"]) * 1e6


async def _load(
    address: str,
    method: str,
    requests: Sequence[bytes],
    seconds: float,
    concurrency: int,
    rate: float,
    id_field: int,
    authority: str = "",
) -> dict[str, Any]:
    given = cycle(requests) if not id_field else _with_ids(requests, id_field)
    keys = cycle([(("authorization", f"Bearer {key}"),) for key in os.environ["OCTAVO_API_KEY"].split()])
    took: list[float] = []
    failures: dict[str, int] = {}
    async with _channel(address, authority) as channel:
        call: Any = channel.unary_unary(method)
        await channel.channel_ready()
        begun = time.monotonic()
        end = begun + seconds
        turn = 0

        async def one(start: float) -> None:
            try:
                await call(next(given), metadata=next(keys), timeout=30)
            except grpc.aio.AioRpcError as error:
                failures[error.code().name] = failures.get(error.code().name, 0) + 1
            else:
                took.append(time.monotonic() - start)

        async def caller() -> None:
            nonlocal turn
            while (now := time.monotonic()) < end:
                start = now
                if rate:
                    # Calls have their times: one that waits for its turn too long counts that wait.
                    start = begun + turn / rate
                    turn += 1
                    if start > end:
                        return
                    await asyncio.sleep(max(0.0, start - now))
                await one(start)

        await asyncio.gather(*(caller() for _ in range(concurrency)))
        whole = time.monotonic() - begun
    took.sort()
    return {
        "calls": len(took),
        "failures": failures,
        "began": begun,
        "seconds": whole,
        "p50_ms": took[len(took) // 2] * 1000 if took else 0.0,
        "p99_ms": p99(took) * 1000 if took else 0.0,
    }


def _with_ids(requests: Sequence[bytes], field: int) -> Iterator[bytes]:
    """The requests again and again, each with a new UUIDv7 as a text in this field: the last one on the wire is what counts."""
    while True:
        for request in requests:
            written = str(uuid7(datetime.now(UTC), os.urandom(10))).encode()
            yield request + bytes((field << 3 | 2, len(written))) + written


def _channel(address: str, authority: str) -> grpc.aio.Channel:
    if not authority:
        return grpc.aio.insecure_channel(address)
    return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(Path(authority).read_bytes()))


def _read(path: str) -> list[bytes]:
    data = Path(path).read_bytes()
    requests, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        requests.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    return requests


def main(arguments: Sequence[str]) -> None:
    """Loads, and prints."""
    address, method, path, seconds, concurrency, rate, field, *authority = arguments
    seen = uvloop.run(
        _load(address, method, _read(path), float(seconds), int(concurrency), float(rate), int(field), *authority)
    )
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1:])
