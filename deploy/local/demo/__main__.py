"""Runs the demo: the API lane, a daily limit, the CSV lane. The instance is removed at the end."""

import os
import signal
import sys
from collections.abc import Mapping

import grpc
from rich.console import Console

from deploy.local.control import StackFailed
from deploy.local.demo import api_lane, csv_lane, daily_limit
from deploy.local.demo.account import UNSETTLED, Account, seeded
from deploy.local.instance import CACHE
from deploy.local.stack import Stack
from octavo.v1.job_service_pb2 import JOB_STATUS_FINISHED

SETTLE_SECONDS = 60
"""How long the last receipt may take."""
JOB_SECONDS = 90
"""How long the CSV job may take."""


def run(stack: Stack, console: Console) -> int:
    """Sends, waits, shows. Returns 0 if all went as it must."""
    known = stack.client_environment()
    with grpc.insecure_channel(known["OCTAVO_ADDRESS"]) as channel:
        account = seeded(channel, known)
        faults = [
            *_limit(channel, known, console),
            *_job(channel, account, console),
            *_messages(account, known, console),
        ]
    for fault in faults:
        console.print(f"[red]{fault}[/]")
    return 1 if faults else 0


def _limit(channel: grpc.Channel, known: Mapping[str, str], console: Console) -> list[str]:
    spent = daily_limit.spend(channel, known)
    console.print(
        f"a service of {daily_limit.LIMIT} SMS a day sends {daily_limit.DEMAND}: {spent.accepted} accepted, "
        f"{spent.refused} refused ({spent.reason}: {spent.quota}; again in {spent.again_seconds / 3600:.1f} h)"
    )
    exact = spent.accepted == daily_limit.LIMIT and spent.refused == daily_limit.DEMAND - daily_limit.LIMIT
    return [] if exact else ["the daily limit was not kept"]


def _job(channel: grpc.Channel, account: Account, console: Console) -> list[str]:
    job = csv_lane.start(channel, account)
    console.print(f"a CSV file of {job.total_rows} rows, {job.refused_rows} refused:")
    for problem in job.problems:
        console.print(f"  row {problem.row}, {problem.column or 'the row'}: {problem.description} ({problem.reason})")
    job = csv_lane.follow(channel, account, job.id, JOB_SECONDS)
    counts = ", ".join(f"{one.count} {api_lane.name(one.status)}" for one in job.counts)
    rows = csv_lane.report_rows(channel, account, job.id)
    console.print(f"its job: {job.sent_rows} sent ({counts}), {job.refused_rows} refused, {rows} rows in the report")
    settled = sum(one.count for one in job.counts if one.status not in UNSETTLED)
    whole = job.status == JOB_STATUS_FINISHED and settled + job.refused_rows == job.total_rows == csv_lane.ROWS
    return [] if whole and job.refused_rows == len(csv_lane.WRONG) else ["the CSV job did not settle every row"]


def _messages(account: Account, known: Mapping[str, str], console: Console) -> list[str]:
    console.print(f"without its personalisation: {api_lane.refused(account)}")
    accepted = list(api_lane.send(account))
    console.print(f"accepted: {len(accepted)}, the first with the text “{accepted[0].body}”")
    notifications = api_lane.settled(account, [answer.id for answer in accepted], SETTLE_SECONDS)
    console.print(api_lane.table(notifications))
    accepts = api_lane.ledger(known["SIMULATOR_URL"])
    lost = [n for n in notifications if n.status in UNSETTLED]
    faults = [f"not settled: {n.id} is {api_lane.name(n.status)}" for n in lost]
    faults += [f"sent twice: {reference}" for reference, count in accepts.items() if count > 1]
    console.print(f"demo: {len(notifications)} accepted, {len(notifications) - len(lost)} settled, {len(lost)} lost")
    return faults


def main() -> int:
    """Runs the demo on an instance of its own."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console() if Console().is_terminal else Console(width=160)
    console.print("starting Kafka, PostgreSQL, S3, the providers and Octavo …")
    try:
        with Stack(CACHE / f"demo-{os.getpid()}") as stack:
            return run(stack, console)
    except StackFailed as failure:
        console.print(f"demo: {failure}; see {failure.log}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
