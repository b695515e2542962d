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
        "A move that is not listed is ignored and counted.",
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

    lines = ["# Topics", "", "Each has a `.dead` topic for records that can't be handled.", ""]
    lines += ["| topic | carries | partitions | kept for |", "|---|---|---|---|"]
    lines += [
        f"| `{topic.name}` | `{topic.message.DESCRIPTOR.name}` | {topic.partitions} | {topic.retention.days} days |"
        for topic in module.ALL
    ]
    return "\n".join(lines) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "docs/statuses.md": statuses,
    "docs/topics.md": topics,
    "docs/operations/metrics.md": metrics,
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
