"""What `octavo top` shows of two readings: a table for each thing to look at, nothing that is not there."""

from collections.abc import Iterable, Sequence
from math import inf, isinf

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from octavo_cli.fitting import Fitting
from octavo_cli.output import FAILED, WAITING, shown
from octavo_cli.scraping import Change

FLOW = (
    "db-sms", "db-email", "send-sms", "send-email", "jobs", "bulk-sms", "bulk-email", "sms", "email", "receipts",
)  # fmt: skip
"""The topics in the order of the flow."""
FAULTS = ("UNAVAILABLE", "INTERNAL", "UNKNOWN", "DATA_LOSS", "DEADLINE_EXCEEDED")
OLD_SECONDS = 60
MINUTE, HOUR = 60, 3600

Cell = str | Text


def screen(change: Change, room: int | None = None) -> RenderableType:
    """All tables that have something to show, as they fit into so many lines."""
    tables = (_processes(change), _calls(change), _lanes(change), _providers(change), *_rest(change))
    return Fitting([table for table in tables if table], room)


def _processes(change: Change) -> Table | None:
    rows: list[tuple[Cell, ...]] = []
    for address, samples in change.now.processes.items():
        place = shown(address)
        if samples is None:
            rows.append((place, Text("no answer", FAILED), "", ""))
            continue
        one = change.of(address)
        cpu = sum(one.rates("process_cpu_seconds_total", "").values())
        memory = sum(one.totals("process_resident_memory_bytes", "").values())
        rows.append((place, "up", f"{cpu:.0%}", f"{memory / 1e6:,.0f} MB"))
    return _table("process", ("", "CPU", "memory"), rows)


def _calls(change: Change) -> Table | None:
    begun = change.totals("grpc_server_started_total", "grpc_method")
    rates = change.rates("grpc_server_handled_total", "grpc_method")
    slow = change.quantiles("grpc_server_handling_seconds", 0.99, "grpc_method")
    usual = change.quantiles("grpc_server_handling_seconds", 0.5, "grpc_method")
    ended = change.totals("grpc_server_handled_total", "grpc_method")
    good = change.rates("grpc_server_handled_total", "grpc_method", grpc_code="OK")
    faults = _together(change.rates("grpc_server_handled_total", "grpc_method", grpc_code=code) for code in FAULTS)
    rows = [
        (
            method,
            _rate(rates.get(method, 0)),
            _rate(rates.get(method, 0) - good.get(method, 0) - faults.get(method, 0)),
            _bad(_rate(faults.get(method, 0)), faults.get(method, 0)),
            _number(begun[method] - ended.get(method, 0)),
            _within(usual.get(method)),
            _within(slow.get(method)),
        )
        for method in sorted(begun, key=lambda method: -rates.get(method, 0))
        if begun[method]
    ]
    return _table("call", ("/s", "refused", "faults", "open", "p50", "p99"), rows)


def _lanes(change: Change) -> Table | None:
    published = change.rates("notifications_published_total", "topic")
    consumed = change.rates("notifications_consumed_total", "topic")
    waiting = change.largest("notifications_backlog_records", "topic")
    ages = change.largest("notifications_backlog_age_seconds", "topic")
    dead = change.totals("notifications_dead_letters_total", "topic")
    late = change.quantiles("notifications_to_provider_seconds", 0.99, "topic")
    found = {*published, *consumed, *waiting}
    rows = [
        (
            topic,
            _rate(published.get(topic, 0)),
            _rate(consumed.get(topic, 0)),
            _number(waiting.get(topic)),
            _old(ages.get(topic)),
            _bad(_number(dead.get(topic)), dead.get(topic, 0)),
            _within(late.get(topic)),
        )
        for topic in FLOW
        if topic in found
    ]
    return _table("lane", ("in/s", "out/s", "waiting", "oldest", "dead", "sent p99"), rows)


def _providers(change: Change) -> Table | None:
    calls = change.totals("notifications_provider_calls_total", "provider")
    rates = change.rates("notifications_provider_calls_total", "provider")
    failed = _together(
        change.rates("notifications_provider_calls_total", "provider", outcome=outcome)
        for outcome in ("temporary", "uncertain")
    )
    slow = change.quantiles("notifications_provider_seconds", 0.95, "provider")
    under_way = change.totals("notifications_provider_in_flight", "provider")
    receipts = change.rates("notifications_receipts_total", "provider")
    unclear = change.totals("notifications_unconfirmed_total", "provider")
    rows = [
        (
            provider,
            _rate(rates.get(provider, 0)),
            _bad(_rate(failed.get(provider, 0)), failed.get(provider, 0)),
            _number(under_way.get(provider)),
            _within(slow.get(provider)),
            _rate(receipts.get(provider, 0)),
            _bad(_number(unclear.get(provider)), unclear.get(provider, 0)),
        )
        for provider in sorted(calls)
        if calls[provider]
    ]
    return _table("provider", ("calls/s", "failed", "open", "p95", "receipts", "unclear"), rows)


def _rest(change: Change) -> Iterable[Table | None]:
    rows, ages = (change.largest(f"notifications_{name}", "state") for name in ("rows", "rows_age_seconds"))
    yield _table(
        "rows", ("", "oldest"), [(state, _number(rows[state]), _age(ages.get(state))) for state in sorted(rows)]
    )
    planned, failed = (change.totals(f"notifications_retries_{name}total", "step") for name in ("", "failed_"))
    rates = change.rates("notifications_retries_total", "step")
    yield _table(
        "step",
        ("RETRY/s", "RETRY", "RETRY FAILED"),
        [
            (
                step,
                _rate(rates.get(step, 0)),
                _number(planned.get(step)),
                _bad(_number(failed.get(step)), failed.get(step, 0)),
            )
            for step in sorted({*planned, *failed})
        ],
    )
    faults = change.largest("notifications_audit_faults_total", "fault")
    yield _table(
        "audit", ("",), [(fault, _bad(_number(count), count)) for fault, count in sorted(faults.items()) if count]
    )


def _table(first: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Table | None:
    if not rows:
        return None
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False, padding=(0, 1, 0, 0))
    drawn.add_column(first, min_width=20, no_wrap=True)
    for column in columns:
        drawn.add_column(column, justify="right", min_width=6, no_wrap=True)
    for row in rows:
        drawn.add_row(*row)
    return drawn


def _together(several: Iterable[dict[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for one in several:
        for key, value in one.items():
            found[key] = found.get(key, 0) + value
    return found


def _rate(value: float) -> str:
    value = max(0.0, value)
    return f"{value:,.0f}" if value >= 10 or not value else f"{value:.1f}"  # noqa: PLR2004 - below, a digit more tells something


def _number(value: float | None) -> str:
    return "-" if value is None else f"{max(0.0, value):,.0f}"


def _bad(text: str, value: float) -> Cell:
    return Text(text, FAILED) if value > 0 else text


def _old(seconds: float | None) -> Cell:
    return Text(_age(seconds), WAITING) if seconds and seconds > OLD_SECONDS else _age(seconds)


def _within(seconds: float | None) -> str:
    """The bound of a histogram's bucket."""
    if seconds is None:
        return "-"
    return "beyond" if isinf(seconds) else f"≤ {_age(seconds)}"


def _age(seconds: float | None) -> str:
    if not seconds or seconds == inf:
        return "-"
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < MINUTE:
        return f"{seconds:.3g} s"
    return f"{seconds / MINUTE:.0f} min" if seconds < HOUR else f"{seconds / HOUR:.1f} h"
