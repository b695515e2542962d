"""The CSV lane: how fast a job reaches the providers, and that it delays no call of the API lane when each has its workers."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import grpc

from benchmarks.amount import amount
from benchmarks.end_to_end import latencies
from benchmarks.figure import Figure, p99
from benchmarks.processes import wait_until
from benchmarks.simulator import behave, ledger_count
from benchmarks.stacks import stack, texts
from benchmarks.work import service
from deploy.local.demo.account import bearer
from octavo.v1.job_service_pb2 import CancelJobRequest, CreateJobRequest, UploadCsvRequest
from octavo.v1.job_service_pb2_grpc import JobServiceStub

PEER_ROWS = 195.0
"""Rows a second of the nearest peer, from the upload to the last call of a provider."""
JOB_ROWS = amount(5_000, 200)
WARM_ROWS = amount(2_000, 50)
LARGE_JOB_ROWS = amount(100_000, 2_000)
CALLS = amount(600, 5)
"""So many that a single slow one does not decide."""
RATE = 20.0
WORKERS = (("persister", "--topics", "db-sms"), ("dispatcher", "--topics", "send-sms"))
WORKERS_OF_FILES = (
    ("persister", "--topics", "bulk-sms"),
    ("persister", "--roles", "jobs"),
    ("dispatcher", "--topics", "sms"),
)
NICENESS = "19"
"""Of the workers of files, as all lanes share two cores here (docs/capacity.md)."""


def figures() -> Iterator[Figure]:
    """Rows a second; p99 of accept → provider in the API lane beside a large job."""
    parts = {"kafka", "postgres", "s3", "simulator", "api"}
    with stack(parts) as (running, known), ExitStack() as workers:
        simulator, address, key = known["SIMULATOR_URL"], known["OCTAVO_ADDRESS"], known["OCTAVO_API_KEY"]
        template_id = known["OCTAVO_SMS_TEMPLATE_ID"]
        behave(simulator, {name: {"receipts": False} for name in ("mmg", "firetext", "ses")})
        for name, *arguments in WORKERS:
            workers.enter_context(service(running, name, *arguments))
        for name, *arguments in WORKERS_OF_FILES:
            workers.enter_context(service(running, name, *arguments, OCTAVO_NICENESS=NICENESS))
        requests = [one.SerializeToString() for one in texts(template_id)][:CALLS]
        with grpc.insecure_channel(address) as channel:
            stub = JobServiceStub(channel)
            latencies(address, key, requests[:10], simulator, RATE)
            # The first job makes the clients of the store and warms the broker.
            _send(stub, key, template_id, WARM_ROWS, simulator)
            begun = time.monotonic()
            _send(stub, key, template_id, JOB_ROWS, simulator)
            yield Figure("lanes.csv_rate", JOB_ROWS / (time.monotonic() - begun), "/s", PEER_ROWS, ">= 10")

            alone = latencies(address, key, requests, simulator, RATE)
            there = ledger_count(simulator)
            job_id = _start(stub, key, template_id, LARGE_JOB_ROWS)
            wait_until(lambda: ledger_count(simulator) > there, 120)
            beside = latencies(address, key, requests, simulator, RATE)
            stub.CancelJob(CancelJobRequest(id=job_id), metadata=bearer(key), timeout=60)
        yield Figure("lanes.api_p99_beside_a_job", p99(beside), "ms", p99(alone), "<= 2")


def _send(stub: JobServiceStub, key: str, template_id: str, rows: int, simulator: str) -> None:
    """A job, to the last call of a provider."""
    there = ledger_count(simulator)
    _start(stub, key, template_id, rows)
    wait_until(lambda: ledger_count(simulator) >= there + rows, 300)


def _start(stub: JobServiceStub, key: str, template_id: str, rows: int) -> str:
    lines = [f"07400{100_000 + row % 800_000},Person {row},{row % 100_000:05}" for row in range(rows)]
    data = "\n".join(["phone number,name,code", *lines]).encode()
    chunks = [UploadCsvRequest(chunk=data[at : at + 1_000_000]) for at in range(0, len(data), 1_000_000)]
    file = stub.UploadCsv(iter(chunks), metadata=bearer(key), timeout=120).file
    request = CreateJobRequest(template_id=template_id, object_key=file.object_key, file_name="bench.csv")
    return str(stub.CreateJob(request, metadata=bearer(key), timeout=300).job.id)
