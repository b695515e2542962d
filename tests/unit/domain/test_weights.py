"""How providers share the traffic."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from octavo.domain.weights import ERRORS, Weights

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def failing(weights: Weights, name: str, at: datetime, count: int = ERRORS + 1) -> None:
    for _ in range(count):
        weights.failed(name, at)


def test_shares_by_weight():
    weights = Weights({"mmg": 75, "firetext": 25})
    chosen = Counter(weights.choose(number / 1000) for number in range(1000))
    assert chosen == {"mmg": 750, "firetext": 250}


@pytest.mark.parametrize("draw", [0.0, 0.999999, 1.0])
def test_a_provider_without_weight_is_never_chosen(draw):
    assert Weights({"mmg": 0, "firetext": 100}).choose(draw) == "firetext"


def test_another_than_the_one_that_failed():
    weights = Weights({"mmg": 50, "firetext": 50})
    assert {weights.choose(number / 10, but="mmg") for number in range(10)} == {"firetext"}
    assert Weights({"ses": 100}).choose(0.5, but="ses") is None


def test_fifty_errors_in_a_minute_move_nothing_and_one_more_moves_ten_points():
    weights = Weights({"mmg": 50, "firetext": 50})
    failing(weights, "mmg", NOW, ERRORS)
    assert weights.current == {"mmg": 50, "firetext": 50}
    weights.failed("mmg", NOW + timedelta(seconds=60))
    assert weights.current == {"mmg": 40, "firetext": 60}


def test_errors_over_a_longer_time_move_nothing():
    weights = Weights({"mmg": 50, "firetext": 50})
    for number in range(200):
        weights.failed("mmg", NOW + timedelta(seconds=2 * number))
    assert weights.current == {"mmg": 50, "firetext": 50}


def test_moves_at_most_once_a_minute_and_never_below_nothing():
    weights = Weights({"mmg": 15, "firetext": 85})
    failing(weights, "mmg", NOW, 500)
    assert weights.current == {"mmg": 5, "firetext": 95}
    for minute in range(1, 5):
        failing(weights, "mmg", NOW + timedelta(minutes=minute), 500)
    assert weights.current == {"mmg": 0, "firetext": 100}


def test_moves_nothing_when_all_are_bad():
    weights = Weights({"mmg": 50, "firetext": 50})
    for _ in range(ERRORS):
        weights.failed("mmg", NOW)
        weights.failed("firetext", NOW)
    weights.failed("firetext", NOW)
    moved = dict(weights.current)
    later = NOW + timedelta(seconds=61)
    failing(weights, "firetext", later)
    before = dict(weights.current)
    failing(weights, "mmg", later + timedelta(seconds=1))
    assert weights.current == before
    assert sum(moved.values()) == sum(before.values()) == 100


def test_moves_nothing_to_a_provider_that_is_switched_off():
    weights = Weights({"mmg": 100, "firetext": 0})
    failing(weights, "mmg", NOW)
    assert weights.current == {"mmg": 100, "firetext": 0}


def test_goes_back_to_rest_ten_points_every_five_minutes_after_fifteen_quiet_ones():
    weights = Weights({"mmg": 50, "firetext": 50})
    failing(weights, "mmg", NOW)
    failing(weights, "mmg", NOW + timedelta(minutes=1))
    assert weights.current == {"mmg": 30, "firetext": 70}
    quiet = NOW + timedelta(minutes=1)
    seen = []
    for minutes in (14, 15, 19, 20, 25, 60):
        weights.settle(quiet + timedelta(minutes=minutes))
        seen.append(weights.current["mmg"])
    assert seen == [30, 40, 40, 50, 50, 50]


def test_a_slow_share_of_receipts_moves_ten_points_every_five_minutes():
    weights = Weights({"mmg": 50, "firetext": 50})
    weights.paced({"mmg": 0.149, "firetext": 0.0}, NOW)
    assert weights.current == {"mmg": 50, "firetext": 50}
    seen = []
    for seconds in (30, 60, 329, 330, 660, 100_000):
        weights.paced({"mmg": 0.15, "firetext": 0.02, "test": 1.0}, NOW + timedelta(seconds=seconds))
        seen.append(weights.current["mmg"])
    assert seen == [40, 40, 40, 30, 20, 10]


def test_slowness_of_all_moves_nothing_and_errors_move_nothing_to_a_slow_provider():
    weights = Weights({"mmg": 50, "firetext": 50})
    weights.paced({"mmg": 0.9, "firetext": 0.2}, NOW)
    assert weights.current == {"mmg": 50, "firetext": 50}
    weights.paced({"mmg": 0.0, "firetext": 0.2}, NOW)
    failing(weights, "mmg", NOW + timedelta(minutes=2))
    assert weights.current == {"mmg": 60, "firetext": 40}


def test_the_slower_one_loses_and_goes_back_to_rest_once_its_receipts_are_quick_again():
    weights = Weights({"mmg": 40, "firetext": 30, "third": 30})
    weights.paced({"mmg": 0.2, "firetext": 0.5}, NOW)
    assert weights.current == {"mmg": 40, "firetext": 20, "third": 40}
    weights.paced({}, NOW + timedelta(minutes=10))
    weights.settle(NOW + timedelta(minutes=15))
    assert weights.current == {"mmg": 40, "firetext": 30, "third": 30}
