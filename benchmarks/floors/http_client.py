"""A bare HTTP client: the same requests to the same provider. `python -m benchmarks.floors.http_client URL CALLS AT_ONCE`.

Prints as JSON the CPU and wall time that the calls took, without the start of the process.
"""

import asyncio
import json
import os
import sys
import time
from itertools import count
from uuid import uuid4

import aiohttp
import uvloop


async def post(url: str, calls: int, at_once: int) -> None:
    """Posts, so many at once."""
    numbers = count()
    credentials = aiohttp.encode_basic_auth(os.environ["OCTAVO_MMG_USERNAME"], os.environ["OCTAVO_MMG_PASSWORD"])
    connector = aiohttp.TCPConnector(limit=at_once)
    async with aiohttp.ClientSession(connector=connector, headers={"Authorization": credentials}) as session:

        async def caller() -> None:
            while next(numbers) < calls:
                text = {"reqType": "BULK", "MSISDN": "447400123456", "msg": "Hello", "sender": "Octavo", "multi": True}
                async with session.post(url, json=text | {"cid": str(uuid4())}) as answer:
                    await answer.read()

        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(caller() for _ in range(at_once)))
        used = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall, "calls": calls}
        sys.stdout.write(json.dumps(used))


if __name__ == "__main__":
    uvloop.run(post(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
