"""The broker, the database and the providers fail, stand still, or answer in all the ways that they can."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2

from tests.faults.case import Case, Fault
from tests.faults.system import wait_for

REST_SECONDS = 3.0
"""Between two outages."""
PROVIDERS_SECONDS = 10.0
"""How long providers behave badly."""
CONNECTIONS_SECONDS = 10.0


def restarted(name: str, times: int = 1) -> Fault:
    """Stops a program in order, and starts it again."""

    def fault(case: Case) -> Sequence[str]:
        for _ in range(times):
            case.system.stop(name)
            case.system.revive(name)
            case.runs += 1
            time.sleep(REST_SECONDS)
        return []

    return fault


def killed(name: str, times: int = 1) -> Fault:
    """Kills a program, and starts it again a moment later."""

    def fault(case: Case) -> Sequence[str]:
        for _ in range(times):
            case.system.kill(name)
            case.runs += 1
            time.sleep(case.random.uniform(0, 2))
            case.system.revive(name)
            time.sleep(REST_SECONDS)
        return []

    return fault


def still(name: str, seconds: float, *, api_goes_on: bool = False) -> Fault:
    """Freezes a program for a while. `api_goes_on` says that the api has to accept nevertheless."""

    def fault(case: Case) -> Sequence[str]:
        with case.system.paused(name):
            before = case.load.acknowledged
            time.sleep(seconds)
            accepted = case.load.acknowledged - before
        case.runs += 1
        if api_goes_on and accepted < seconds:
            return [f"only {accepted} calls were accepted in {seconds:.0f} s without {name}"]
        return []

    return fault


def connections_taken(case: Case) -> Sequence[str]:
    """Ends every connection to the database, and takes all that there can be, for a while."""
    case.runs += 1
    with _all_connections(case.system.stack.database_url) as taken:
        time.sleep(CONNECTIONS_SECONDS)
    return [] if taken else ["no connection could be taken"]


@contextmanager
def _all_connections(url: str) -> Iterator[int]:
    mine: list[Any] = []
    deadline = time.monotonic() + 10
    try:
        mine.append(psycopg2.connect(url))
        with mine[0].cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND usename = current_user"
            )
        while time.monotonic() < deadline:
            try:
                mine.append(psycopg2.connect(url))
            except psycopg2.OperationalError:
                break
        yield len(mine)
    finally:
        for connection in mine:
            connection.close()


def providers(behaviour: Mapping[str, Any], *, ambiguous: Callable[[int], int] = lambda _: 0) -> Fault:
    """Has the providers behave badly for a while. `ambiguous` says how many of so many calls may be left open.

    No consumer may lose its partitions over it.
    """

    def fault(case: Case) -> Sequence[str]:
        system = case.system
        members = system.watch.members()
        calls = system.provider_counts()["calls"]
        system.behave(behaviour, seed=case.random.randrange(10**6))
        case.runs += 1
        time.sleep(PROVIDERS_SECONDS)
        system.behave(None)
        # What hangs is given up after ten seconds.
        idle = wait_for(lambda: system.provider_counts()["in_flight"] < system.provider_counts()["calls"], 15)
        case.ambiguous += ambiguous(system.provider_counts()["calls"] - calls)
        problems = [] if idle else ["the providers never came to rest"]
        if system.watch.members() != members:
            problems.append("a consumer lost its partitions")
        return problems

    return fault


def providers_still(seconds: float) -> Fault:
    """Freezes the providers for a while: every call under way then ends without an answer."""

    def fault(case: Case) -> Sequence[str]:
        before = case.load.acknowledged
        problems = still("simulator", seconds, api_goes_on=True)(case)
        case.ambiguous += case.load.acknowledged - before
        return problems

    return fault


FAULTS: dict[str, Fault] = {
    "broker kill -9": killed("kafka"),
    "broker restart": restarted("kafka"),
    "broker still for 10 s": still("kafka", 10),
    "broker still for 60 s": still("kafka", 60),
    "database restart": restarted("postgres", times=2),
    "database still for 60 s": still("postgres", 60, api_goes_on=True),
    "database connections taken": connections_taken,
    "provider answers 500": providers({"fail_share": 0.3}),
    "provider answers 429": providers({"fail_share": 0.3, "fail_status": 429, "retry_after": 2}),
    "provider resets": providers({"reset_share": 0.1, "accept_then_reset_share": 0.1}),
    "provider accepts and hangs": providers({"accept_then_hang_share": 0.1}),
    "providers still for 60 s": providers_still(60),
    "provider takes 30 s": providers({"slow_share": 0.1, "slow_ms": 30_000}, ambiguous=lambda calls: calls // 5),
}
"""By name."""
RETRIED = frozenset({"provider answers 500", "provider answers 429"})
"""What they refuse is offered again after them, and must not meet the next fault: what that leaves open would count as theirs."""
