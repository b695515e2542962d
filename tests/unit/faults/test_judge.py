"""The judge finds what is planted, and nothing where nothing is."""

from dataclasses import replace

import pytest

from tests.faults.evidence import Acknowledgement, Attempt, Evidence, Job, Offset, Place, Position, Quota, Row
from tests.faults.judge import judge

PLACE = Place("persister.db-sms", "db-sms", 3)
IDS = [f"id-{number}" for number in range(5)]
SENT = ("created", "sending", "delivered")


def sound() -> Evidence:
    """Five notifications, each sent and delivered once."""
    return Evidence(
        attempted={one: Attempt(one, f"request-{one}", "delivered") for one in IDS},
        acknowledged=[Acknowledgement(f"request-{one}", one) for one in IDS],
        rows=[Row(one, "service", "delivered", moves=SENT) for one in IDS],
        accepted=IDS,
        offsets=[Offset(PLACE, 5, None)],
        positions=[Position(at, PLACE, at, at + 1) for at in range(100)],
        quotas=[Quota("service", 100, 5)],
        megabytes={"persister": 90.0},
    )


def broken(evidence: Evidence) -> dict[str, int]:
    """How many violations of each invariant the judge finds."""
    return {one.invariant: len(one.violations) for one in judge(evidence) if one.violations}


def with_row(number: int, **changes) -> Evidence:
    rows = list(sound().rows)
    rows[number] = replace(rows[number], **changes)
    return replace(sound(), rows=rows)


def test_finds_nothing_where_nothing_is():
    verdicts = judge(sound())
    assert [one.invariant for one in verdicts] == [f"I{number}" for number in range(1, 11)] + ["MB"]
    assert all(one.holds for one in verdicts)
    assert sum(one.checks for one in verdicts) > 20


def test_finds_a_planted_loss():
    evidence = sound()
    assert broken(replace(evidence, rows=evidence.rows[1:], accepted=IDS[1:])) == {"I1": 1}


@pytest.mark.parametrize("status", ["created", "sending", "pending", "scheduled"])
def test_finds_one_that_never_ends(status):
    assert broken(with_row(2, status=status, moves=("created", status)[-1:]))["I1"] == 1


def test_finds_a_row_that_nobody_was_told_of_and_never_ends():
    evidence = with_row(2, status="sending", moves=SENT[:2])
    assert broken(replace(evidence, acknowledged=())) == {"I1": 1}


def test_one_that_is_listed_as_unconfirmed_is_not_lost():
    evidence = with_row(2, status="sending", moves=SENT[:2], unconfirmed=True)
    assert broken(replace(evidence, unconfirmed=frozenset({IDS[2]}), crashes=1, in_flight=1)) == {}


def test_finds_one_that_its_history_lacks():
    assert broken(with_row(0, in_history=False)) == {"I1": 1}


def test_finds_two_rows_of_one_request():
    evidence = sound()
    assert broken(replace(evidence, rows=[*evidence.rows, evidence.rows[0]])) == {"I2": 1}


def test_finds_two_ids_for_one_request():
    evidence = sound()
    twice = [*evidence.acknowledged, Acknowledgement("request-id-0", IDS[1])]
    assert broken(replace(evidence, acknowledged=twice)) == {"I2": 1}


def test_finds_a_planted_double_send():
    assert broken(replace(sound(), accepted=[*IDS, IDS[3], IDS[3]])) == {"I3": 2}


def test_finds_more_unconfirmed_than_crashes_explain():
    evidence = replace(sound(), unconfirmed=frozenset(IDS), crashes=2, in_flight=2)
    assert broken(evidence) == {"I4": 1}
    assert broken(replace(evidence, ambiguous=1)) == {}


def test_says_why_one_is_unconfirmed():
    evidence = with_row(1, reason="a", reasons=("unconfirmed: no answer in time",))
    (verdict,) = [one for one in judge(replace(evidence, unconfirmed=frozenset({IDS[1]}))) if one.violations]
    assert verdict.violations == (f"{IDS[1]} exceeds the bound of 0: unconfirmed: no answer in time; a",)


def test_finds_a_send_that_nobody_lists():
    assert broken(with_row(1, status="created", moves=("created",)))["I4"] == 1


def test_finds_a_phantom():
    evidence = sound()
    assert broken(replace(evidence, accepted=[*IDS, "from nowhere"])) == {"I5": 1}
    assert broken(replace(evidence, rows=[*evidence.rows, Row("from nowhere", "service", "delivered")])) == {"I5": 1}


def test_finds_another_end_than_the_recipient_leads_to():
    assert broken(with_row(1, status="temporary-failure", moves=("created", "sending", "temporary-failure"))) == {
        "I6": 1
    }


def test_finds_a_move_backwards():
    assert broken(with_row(1, moves=("created", "delivered", "pending", "delivered"))) == {"I6": 1}


def test_finds_a_status_that_no_move_led_to():
    assert broken(with_row(1, moves=("created", "sending"))) == {"I6": 1}


def test_what_was_given_up_need_not_end_as_its_recipient_says():
    moves = ("created", "sending", "technical-failure")
    assert broken(with_row(1, status="technical-failure", reason="unconfirmed: no receipt came", moves=moves)) == {}


def test_finds_a_row_of_a_job_that_is_missing():
    rows = [Row(one, "service", "delivered", job_id="job", job_row=number) for number, one in enumerate(IDS)]
    evidence = replace(sound(), rows=rows, jobs=[Job("job", 7, 2)])
    assert broken(evidence) == {}
    assert broken(replace(evidence, jobs=[Job("job", 8, 2)])) == {"I7": 1}
    assert broken(replace(evidence, rows=[*rows, rows[4]]))["I2"] == 1


def test_finds_an_offset_committed_too_early():
    assert broken(replace(sound(), offsets=[Offset(PLACE, 5, 5)])) == {}
    assert broken(replace(sound(), offsets=[Offset(PLACE, 5, 4)])) == {"I8": 1}


def test_finds_a_planted_stuck_partition():
    still = [Position(at, PLACE, 7, 9) for at in range(62)]
    assert broken(replace(sound(), positions=still)) == {"I9": 1}


def test_a_partition_may_stand_still_without_a_lag_or_while_something_is_broken():
    assert broken(replace(sound(), positions=[Position(at, PLACE, 9, 9) for at in range(500)])) == {}
    still = [Position(at, PLACE, 7, 9) for at in range(100)]
    assert broken(replace(sound(), positions=still, faults=[(10, 40), (60, 80)])) == {}
    assert broken(replace(sound(), positions=still, faults=[(10, 40)])) == {"I9": 1}


def test_a_partition_that_moves_now_and_then_is_not_stuck():
    moving = [Position(at, PLACE, at // 50, 100) for at in range(500)]
    assert broken(replace(sound(), positions=moving)) == {}


@pytest.mark.parametrize(
    ("quota", "violations"),
    [
        (Quota("service", 100, 101), 1),
        (Quota("service", 100, 100), 0),
        (Quota("service", 100, 99, exceeded=True), 1),
        (Quota("service", 100, 100, exceeded=True, reached_in=2.5), 0),
        (Quota("service", 100, 100, exceeded=True, reached_in=3.5), 1),
        (Quota("service", 100, 100, exceeded=True), 1),
    ],
)
def test_finds_a_limit_that_is_exceeded_or_out_of_reach(quota, violations):
    assert broken(replace(sound(), quotas=[quota])).get("I10", 0) == violations


def test_finds_a_process_that_grew():
    assert broken(replace(sound(), megabytes={"api": 251.0, "persister": 249.0})) == {"MB": 1}
