import pytest
from prometheus_client import REGISTRY

from octavo.telemetry.measured import measured, name_of


def runs(function, outcome):
    return REGISTRY.get_sample_value("notifications_tasks_total", {"function": name_of(function), "outcome": outcome})


@measured
def divide(a, b):
    return a / b


@measured
async def divide_later(a, b):
    return a / b


@pytest.mark.asked("S8")
def test_the_metric_is_named_after_the_function():
    assert name_of(divide) == "test_measured.divide"
    assert divide.__name__ == "divide"


@pytest.mark.asked("S8")
def test_counts_and_times_what_went_well_and_what_did_not():
    before, failed = runs(divide, "ok"), runs(divide, "error")
    assert divide(4, 2) == 2
    with pytest.raises(ZeroDivisionError):
        divide(1, 0)
    assert runs(divide, "ok") == before + 1
    assert runs(divide, "error") == failed + 1
    timed = REGISTRY.get_sample_value("notifications_task_seconds_count", {"function": name_of(divide)})
    assert timed == before + failed + 2


async def test_coroutines_are_measured_until_they_end():
    before, failed = runs(divide_later, "ok"), runs(divide_later, "error")
    assert await divide_later(4, 2) == 2
    with pytest.raises(ZeroDivisionError):
        await divide_later(1, 0)
    assert runs(divide_later, "ok") == before + 1
    assert runs(divide_later, "error") == failed + 1
