"""Posts receipts of MMG from a process of its own. `python -m benchmarks.receipt_load URL IDS SECONDS AT_ONCE`.

IDS is a file with one notification id a line; each gets one receipt, from the beginning again when all are used. Prints JSON.
"""

import asyncio
import json
import os
import sys
import time
from itertools import cycle
from pathlib import Path

import aiohttp
import uvloop


async def post(url: str, ids: list[str], seconds: float, at_once: int) -> None:
    """Posts, so many at once."""
    given = cycle(ids)
    calls, failures = 0, 0
    headers = {"Authorization": f"Bearer {os.environ['OCTAVO_MMG_RECEIPT_TOKEN']}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=at_once), headers=headers) as session:
        begun = time.perf_counter()

        async def caller() -> None:
            nonlocal calls, failures
            while time.perf_counter() - begun < seconds:
                body = f'{{"CID":"{next(given)}","MSISDN":"447400123456","status":"3","substatus":"0"}}'
                async with session.post(url, data=body) as answer:
                    await answer.read()
                    calls, failures = calls + 1, failures + (answer.status != 200)

        await asyncio.gather(*(caller() for _ in range(at_once)))
        whole = time.perf_counter() - begun
    sys.stdout.write(json.dumps({"calls": calls, "failures": failures, "seconds": whole}))


if __name__ == "__main__":
    url, path, seconds, at_once = sys.argv[1:]
    uvloop.run(post(url, Path(path).read_text().split(), float(seconds), int(at_once)))
