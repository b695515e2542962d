"""A bare boto3 client of SES: the same requests to the same provider. `python -m benchmarks.floors.ses_client URL CALLS THREADS`.

Prints as JSON the CPU and wall time that the calls took, without the start of the process.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config


def send(url: str, calls: int, threads: int) -> None:
    """Sends, so many at once."""
    once = {"total_max_attempts": 1, "mode": "standard"}
    client: Any = boto3.client("sesv2", endpoint_url=url, config=Config(max_pool_connections=threads, retries=once))

    def offer(number: int) -> None:
        client.send_email(
            FromEmailAddress="Octavo <octavo@example.com>",
            Destination={"ToAddresses": [f"person{number}@example.com"]},
            Content={
                "Simple": {
                    "Subject": {"Data": "Hello", "Charset": "UTF-8"},
                    "Body": {
                        "Text": {"Data": f"Hello P{number}", "Charset": "UTF-8"},
                        "Html": {"Data": f"<p>Hello P{number}</p>", "Charset": "UTF-8"},
                    },
                }
            },
            EmailTags=[{"Name": "notification_id", "Value": str(uuid4())}],
        )

    offer(0)
    with ThreadPoolExecutor(threads) as pool:
        wall, cpu = time.perf_counter(), time.process_time()
        list(pool.map(offer, range(calls)))
        used = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall, "calls": calls}
    sys.stdout.write(json.dumps(used))


if __name__ == "__main__":
    send(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
