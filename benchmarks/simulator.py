"""The provider simulator, as a benchmark tells and asks it."""

import json
import urllib.request
from typing import Any


def behave(simulator: str, behaviour: dict[str, Any]) -> None:
    """How each named provider behaves from now on."""
    body, kind = json.dumps(behaviour).encode(), {"Content-Type": "application/json"}
    urllib.request.urlopen(
        urllib.request.Request(f"{simulator}/behaviour", body, kind, method="PUT"), timeout=10
    ).close()


def ledger_count(simulator: str) -> int:
    """How many messages the providers have accepted."""
    with urllib.request.urlopen(f"{simulator}/ledger/count", timeout=30) as answer:
        return int(json.load(answer)["count"])


def forget(simulator: str) -> None:
    """Begins to count calls anew."""
    urllib.request.urlopen(urllib.request.Request(f"{simulator}/stats", method="DELETE"), timeout=10).close()


def most_in_flight(simulator: str, *providers: str) -> float:
    """Calls that were under way at once, at most, summed over the providers."""
    with urllib.request.urlopen(f"{simulator}/stats", timeout=10) as answer:
        stats: dict[str, Any] = json.load(answer)
    return float(sum(stats[name]["max_in_flight"] for name in providers))
