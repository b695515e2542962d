"""Luck follows the shares, and the seed."""

from collections import Counter
from random import Random

import pytest
from pydantic import ValidationError

from deploy.local.simulator.behaviour import Behaviour, Fate, draw
from deploy.local.simulator.receipts import retry_after


def fates(behaviour, number=20_000, seed=1):
    random = Random(seed)
    return Counter(draw(behaviour, random).fate for _ in range(number))


def test_by_default_every_call_is_answered_at_once():
    assert fates(Behaviour(), 1000) == {Fate.ANSWERED: 1000}
    assert draw(Behaviour(), Random(1)).latency == 0


def test_fates_follow_their_shares():
    told = Behaviour(fail_share=0.1, reset_share=0.2, accept_then_hang_share=0.05, accept_then_reset_share=0.15)

    drawn = fates(told)

    assert drawn[Fate.FAILED] / 20_000 == pytest.approx(0.1, abs=0.01)
    assert drawn[Fate.RESET] / 20_000 == pytest.approx(0.2, abs=0.01)
    assert drawn[Fate.ACCEPTED_THEN_HANG] / 20_000 == pytest.approx(0.05, abs=0.01)
    assert drawn[Fate.ACCEPTED_THEN_RESET] / 20_000 == pytest.approx(0.15, abs=0.01)


def test_a_share_of_one_leaves_nothing_to_luck():
    assert fates(Behaviour(accept_then_hang_share=1), 1000) == {Fate.ACCEPTED_THEN_HANG: 1000}


def test_equal_seeds_give_equal_luck():
    told = Behaviour(fail_share=0.5, latency_ms=10, latency_jitter_ms=5)
    one, other = Random(7), Random(7)

    assert [draw(told, one) for _ in range(100)] == [draw(told, other) for _ in range(100)]


def test_a_share_of_calls_is_slow_and_the_rest_jitters_around_the_latency():
    told = Behaviour(latency_ms=100, latency_jitter_ms=20, slow_share=0.25, slow_ms=5000)
    random = Random(3)

    drawn = [draw(told, random).latency for _ in range(10_000)]

    assert sum(latency == 5 for latency in drawn) / 10_000 == pytest.approx(0.25, abs=0.02)
    assert all(0.08 <= latency <= 0.12 for latency in drawn if latency != 5)


def test_jitter_never_makes_a_latency_negative():
    random = Random(5)

    assert min(draw(Behaviour(latency_ms=1, latency_jitter_ms=100), random).latency for _ in range(1000)) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"fail_share": 1.1},
        {"fail_share": -0.1},
        {"fail_share": 0.6, "reset_share": 0.6},
        {"receipt_repeat": 0},
        {"fail_status": 99},
        {"no_such_setting": 1},
    ],
)
def test_an_impossible_behaviour_is_refused(wrong):
    with pytest.raises(ValidationError):
        Behaviour.model_validate(wrong)


def test_receipts_are_retried_after_a_second_doubling_up_to_thirty():
    assert [retry_after(attempts) for attempts in (1, 2, 3, 4, 5, 6, 7, 10_000)] == [1, 2, 4, 8, 16, 30, 30, 30]
