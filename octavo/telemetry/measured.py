"""A decorator that counts and times a function, under a name inferred from the function."""

import functools
from collections.abc import Callable
from inspect import iscoroutinefunction
from time import perf_counter
from typing import Any, TypeVar, cast

from octavo.telemetry import metrics, statsd

F = TypeVar("F", bound=Callable[..., Any])


def name_of(function: Callable[..., Any]) -> str:
    """The metric name of a function: its module's last part and its own name, as `insert.insert_notifications`."""
    return f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"


def measured(function: F) -> F:
    """Counts each run of a function by how it ended, and times it. Works for coroutine functions too.

    What goes wrong inside is counted as an error and raised on; the measuring itself never fails the work.
    """
    name = name_of(function)
    ok = metrics.TASKS.labels(name, "ok")
    failed = metrics.TASKS.labels(name, "error")
    seconds = metrics.TASK_SECONDS.labels(name)

    if iscoroutinefunction(function):

        @functools.wraps(function)
        async def waited(*args: Any, **kwargs: Any) -> Any:
            start = perf_counter()
            try:
                result = await function(*args, **kwargs)
            except BaseException:
                failed.inc()
                statsd.count(name, "error")
                raise
            finally:
                took = perf_counter() - start
                seconds.observe(took)
                if statsd.exporter is not None:
                    statsd.exporter.timed(name, took)
            ok.inc()
            return result

        return cast("F", waited)

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        start = perf_counter()
        try:
            result = function(*args, **kwargs)
        except BaseException:
            failed.inc()
            statsd.count(name, "error")
            raise
        finally:
            took = perf_counter() - start
            seconds.observe(took)
            if statsd.exporter is not None:
                statsd.exporter.timed(name, took)
        ok.inc()
        return result

    return cast("F", called)
