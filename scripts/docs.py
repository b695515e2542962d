"""Writes the pages of docs/ that are made from the code, or compares them with it."""

import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))


def statuses() -> str:
    """docs/statuses.md: every status and the moves from it."""
    from octavo.domain.notification import FINAL, MOVES, Status

    lines = [
        "# Statuses",
        "",
        "A move that is not listed is ignored and counted. A permanent failure whose reason ends with `not explained` gives way",
        "to what other receipts say ([ADR 29](adr/0029-a-failure-that-is-not-explained-gives-way.md)).",
        "",
        "| status | final | moves to |",
        "|---|---|---|",
    ]
    for status in Status:
        moves = ", ".join(f"`{move}`" for move in Status if move in MOVES[status]) or "none"
        lines.append(f"| `{status}` | {'yes' if status in FINAL else 'no'} | {moves} |")
    return "\n".join(lines) + "\n"


def metrics() -> str:
    """docs/operations/metrics.md: every metric with its labels and meaning."""
    from prometheus_client.metrics import MetricWrapperBase

    from octavo.telemetry import metrics as module

    lines = [
        "# Metrics",
        "",
        "Made from `octavo/telemetry/metrics.py`.",
        "",
        "| metric | kind | labels | meaning |",
        "|---|---|---|---|",
    ]
    for metric in vars(module).values():
        if isinstance(metric, MetricWrapperBase):
            described = next(iter(metric.describe()))
            name = described.name + ("_total" if described.type == "counter" else "")
            labels = ", ".join(f"`{label}`" for label in metric._labelnames)  # noqa: SLF001 - there is no public way
            lines.append(f"| `{name}` | {described.type} | {labels} | {described.documentation} |")
    return "\n".join(lines) + "\n"


def topics() -> str:
    """docs/topics.md: every topic."""
    from octavo import topics as module
    from octavo.messaging.kafka.administration import DEAD_RETENTION

    dead = f"Each has a `.dead` topic of one partition for records that can't be handled, kept for {DEAD_RETENTION.days} days."
    lines = ["# Topics", "", dead, ""]
    lines += ["| topic | carries | partitions | kept for |", "|---|---|---|---|"]
    lines += [
        f"| `{topic.name}` | `{topic.message.DESCRIPTOR.name}` | {topic.partitions} | {topic.retention.days} days |"
        for topic in module.ALL
    ]
    return "\n".join(lines) + "\n"


def configuration() -> str:
    """docs/operations/configuration.md: every variable, and which services read it."""
    from pydantic_core import PydanticUndefined

    from octavo.config import DatabaseSettings, OpsSettings, Settings, variable
    from octavo.messaging.security import ConsumerConnection
    from octavo.providers.registry import PROVIDERS
    from services.api.settings import ApiSettings
    from services.callbacks.entrances import ENTRANCES
    from services.callbacks.settings import settings_with
    from services.dispatcher.settings import DispatcherSettings
    from services.persister.jobparts import JobReaderSettings
    from services.persister.settings import PersisterSettings

    of_providers = [entry.settings for entry in PROVIDERS.values()]
    classes: dict[str, list[type[Settings]]] = {
        "api": [ApiSettings],
        "persister": [OpsSettings, PersisterSettings, JobReaderSettings],
        "dispatcher": [OpsSettings, DispatcherSettings, *of_providers],
        "callbacks": [OpsSettings, ConsumerConnection, DatabaseSettings, settings_with([*ENTRANCES])],
    }
    read: dict[str, tuple[list[str], str, str]] = {}
    for service, kinds in classes.items():
        for kind in kinds:
            for name, field in kind.model_fields.items():
                default = field.get_default(call_default_factory=True) if not field.is_required() else PydanticUndefined
                shown = (
                    "**needed**"
                    if default is PydanticUndefined
                    else f"`{default}`"
                    if default not in {None, ""}
                    else ""
                )
                services, _, _ = read.setdefault(variable(kind, name), ([], shown, field.description or ""))
                if service not in services:
                    services.append(service)
    lines = [
        "# Configuration",
        "",
        "From the environment, or from files of these names in the folder that `OCTAVO_SECRETS_DIR` names. What is wrong is",
        "reported at start, all at once, and the process ends with status 78: variables that are missing or malformed, files",
        "that can't be read, certificates that have expired, a schema older than the release needs, topics that are missing or",
        "have too few partitions. What is away is waited for: the process lives, and is not ready. A variable that nothing",
        "reads, and whose name is nearly that of one which is not set, is named in a warning.",
        "",
        "| variable | default | read by | meaning |",
        "|---|---|---|---|",
    ]
    for name, (services, shown, meaning) in sorted(read.items()):
        readers = "all" if len(services) == len(classes) else ", ".join(services)
        lines.append(f"| `{name}` | {shown} | {readers} | {meaning} |")
    lines += [
        "",
        "## What libraries read themselves",
        "",
        "From the environment only, not from files of `OCTAVO_SECRETS_DIR`; of these, only `PGSSLROOTCERT` is checked at start.",
        "",
        "| variable | read by | meaning |",
        "|---|---|---|",
        *(f"| {names} | {library} | {meaning} |" for names, library, meaning in _OF_LIBRARIES),
        "",
        "`AWS_REGION` and `AWS_DEFAULT_REGION` change nothing: the region is `OCTAVO_AWS_REGION`, for STS, too.",
    ]
    return "\n".join(lines) + "\n"


_OF_LIBRARIES = (
    (
        "`PGSSLMODE`",
        "libpq: all that use PostgreSQL",
        "`verify-full` insists on TLS and on the server's name; without it TLS is used if offered, and nobody is verified.",
    ),
    ("`PGSSLROOTCERT`", "libpq", "Authority of PostgreSQL's certificate, PEM."),
    (
        "`PGSSLCERT`, `PGSSLKEY`",
        "libpq",
        "The client's certificate and private key, PEM, where PostgreSQL asks for them.",
    ),
    (
        "`AWS_SHARED_CREDENTIALS_FILE`",
        "boto3: api, persister (jobs), dispatcher (email), callbacks (receiver)",
        "File with the keys for S3, SES or SNS.",
    ),
    (
        "`AWS_ROLE_ARN`, `AWS_WEB_IDENTITY_TOKEN_FILE`",
        "boto3",
        "A role in place of the file, whose Secret must be there all the same; STS is asked, at `sts.<region>.amazonaws.com`.",
    ),
    (
        "`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`",
        "boto3",
        "Keys without a file; they go before all else.",
    ),
    (
        "`AWS_EC2_METADATA_DISABLED`",
        "boto3",
        "`true` keeps it from asking the machine for credentials, which the network policies keep from answering.",
    ),
    (
        "`OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_EXPORTER_OTLP_CERTIFICATE`",
        "OpenTelemetry, with `OCTAVO_TRACES_ENDPOINT`",
        "What the collector wants to be shown, as `name=value`, and the authority of its certificate, PEM.",
    ),
)
"""Variables that are not of the code, of those what matters in deploy/k8s: names, who reads them, what they mean."""


def prometheus_rule() -> str:
    """deploy/k8s/monitoring/rules.yaml: the rules of deploy/alerts as the Prometheus operator takes them."""
    import yaml

    rules = yaml.safe_load((ROOT / "deploy/alerts/rules.yaml").read_text())
    item = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "octavo"},
        "spec": rules,
    }
    return "# Made from deploy/alerts/rules.yaml by `make docs`.\n" + yaml.safe_dump(item, sort_keys=False, width=1000)


def errors() -> str:
    """docs/errors.md: every reason that an error can give, with the status of the call."""
    from octavo.domain.reason import Reason

    lines = [
        "# Errors",
        "",
        "Every error of Octavo's carries a `google.rpc.ErrorInfo` of the domain `octavo` with one of these reasons. What is",
        "wrong with fields is in a `BadRequest`, all of them at once and with a reason for each (the `ErrorInfo` has that of the",
        "first); a limit adds `QuotaFailure` and `RetryInfo` (not where more is asked for than a whole day's limit: waiting",
        "does not help), what is away adds `RetryInfo`. Problems of the rows of a CSV job have the same reasons. What gRPC",
        "refuses by itself (an unknown method, a message above 4 MiB, a deadline that passed) has none.",
        "",
        "| reason | status | meaning |",
        "|---|---|---|",
    ]
    lines += [f"| `{reason}` | `{reason.status}` | {reason.meaning} |" for reason in Reason]
    return "\n".join(lines) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "docs/errors.md": errors,
    "docs/statuses.md": statuses,
    "docs/topics.md": topics,
    "docs/operations/metrics.md": metrics,
    "docs/operations/configuration.md": configuration,
    "deploy/k8s/monitoring/rules.yaml": prometheus_rule,
}


def main(command: str) -> int:
    """`write` writes the pages; `compare` returns 1 if one differs from the code."""
    stale = [path for path, page in PAGES.items() if not (ROOT / path).exists() or (ROOT / path).read_text() != page()]
    if command == "compare":
        for path in stale:
            sys.stderr.write(f"{path} is not as the code says: run `make docs`\n")
        return 1 if stale else 0
    for path in stale:
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(PAGES[path]())
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
