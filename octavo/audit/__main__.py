"""`python -m octavo.audit`: audits the last hours, and ends with status 1 if anything does not come out even."""

import json
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from octavo.audit.auditor import Auditor
from octavo.audit.findings import Audit, Finding, behind, parsed, standing_still, taken_wrongly
from octavo.config import DatabaseSettings
from octavo.loading import load
from octavo.messaging.kafka import KafkaBacklog
from octavo.messaging.kafka.published import FinishedRecords
from octavo.messaging.security import KafkaConnection
from octavo.storage.engine import engine
from octavo.topics import LANES


def audit(
    hours: Annotated[int, typer.Option(min=1, max=168, help="How many hours back.")] = 2,
    stuck_seconds: Annotated[
        float, typer.Option(min=0, help="How long a partition that is behind may stand still.")
    ] = 60,
    provider_ledger: Annotated[
        Path | None, typer.Option(help="JSON lines with a `reference` each: what providers say that they took.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Audits what was accepted in the last hours, up to what the persister has finished."""
    database, kafka = load(DatabaseSettings, KafkaConnection)
    now = datetime.now(UTC)
    since = (now - timedelta(hours=hours)).replace(minute=0, second=0, microsecond=0)
    records = FinishedRecords(kafka.kafka_bootstrap, kafka.security(), [lane.persist for lane in LANES], since)
    backlog = KafkaBacklog(kafka.kafka_bootstrap, kafka.security())
    auditor = Auditor(engine(database.database_url.get_secret_value(), pool=1, application="octavo-audit"), records)
    try:
        findings = auditor.lost() + auditor.stranded(since, now) + _stuck(backlog, stuck_seconds)
        if provider_ledger:
            findings += _of_providers(auditor, provider_ledger)
        found = Audit(auditor.hours(since, now), findings)
    finally:
        records.close()
        backlog.close()
    _show(found, as_json=as_json)
    raise typer.Exit(1 if found.findings else 0)


def _stuck(backlog: KafkaBacklog, seconds: float) -> list[Finding]:
    before = behind(backlog.read())
    if not before:
        return []
    time.sleep(seconds)
    return standing_still(before, behind(backlog.read()))


def _of_providers(auditor: Auditor, ledger: Path) -> list[Finding]:
    references = [str(json.loads(line)["reference"]) for line in ledger.read_text().splitlines() if line.strip()]
    different = [one for reference in set(references) if (one := parsed(reference))]
    return taken_wrongly(references, auditor.known(different), auditor.resent(different))


def _show(found: Audit, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(asdict(found), default=str, indent=1) + "\n")
        return
    console = Console()
    table = Table("hour", "lane", "accepted", "persisted", "claimed", "taken by a provider", "settled")
    for one in found.hours:
        counts = (one.accepted, one.persisted, one.claimed, one.taken, one.settled)
        table.add_row(f"{one.hour:%Y-%m-%d %H:00}", one.topic, *map(str, counts))
    console.print(table)
    for finding in found.findings:
        console.print(f"[red]{finding.fault}[/] {finding.topic} {finding.subject}")
    console.print(f"audit: {len(found.findings)} faults")


if __name__ == "__main__":
    typer.run(audit)
