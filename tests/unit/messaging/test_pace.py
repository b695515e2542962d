"""How soon one batch of a publisher follows the other."""

import pytest

from octavo.messaging.kafka import pace
from octavo.messaging.kafka.pace import LONGEST_PAUSE_SECONDS, SHORTEST_PAUSE_SECONDS, Pace


class Clock:
    """The seconds that a test says it is."""

    now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(pace, "monotonic", made)
    return made


def departures(of, clock, took, count=100):
    """Has so many batches acknowledged after this time each."""
    for _ in range(count):
        of.depart()
        of.left()
        clock.now += took
        of.settled(1)


def test_the_first_batch_leaves_at_once(clock):
    assert Pace().wait() <= 0


@pytest.mark.parametrize(
    ("took", "pause"), [(0.0005, SHORTEST_PAUSE_SECONDS), (0.003, 0.012), (0.1, LONGEST_PAUSE_SECONDS)]
)
def test_the_longer_acknowledgements_take_the_longer_is_the_pause(clock, took, pause):
    of = Pace()
    departures(of, clock, took)

    of.depart()

    assert of.wait() == pytest.approx(pause, rel=0.01)


def test_what_comes_after_the_pause_leaves_at_once(clock):
    of = Pace()
    departures(of, clock, 0.001)

    of.depart()
    clock.now += SHORTEST_PAUSE_SECONDS

    assert of.wait() <= 0


def test_a_departure_has_taken_as_long_as_its_last_batch(clock):
    of = Pace()
    for _ in range(100):
        of.depart()
        of.left()
        of.left()
        clock.now += 0.001
        of.settled(1)
        clock.now += 0.002
        of.settled(1)

    of.depart()

    assert of.wait() == pytest.approx(0.012, rel=0.01)
