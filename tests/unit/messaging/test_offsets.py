"""What may be committed while records end in any order (invariant I8)."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from octavo.messaging import Partition, Place
from octavo.messaging.offsets import Offsets

PARTITIONS = [Partition("send-sms", number) for number in range(2)]
SIZE = 3


class Reading(RuleBasedStateMachine):
    """A consumer that reads batches, hands some of each on, loses partitions, and gets them back at what was committed."""

    def __init__(self) -> None:
        super().__init__()
        self.offsets = Offsets()
        self.position = dict.fromkeys(PARTITIONS, 0)
        self.committed = dict.fromkeys(PARTITIONS, 0)
        self.unfinished: set[Place] = set()

    @rule(partition=st.sampled_from(PARTITIONS), handed_on=st.lists(st.booleans(), min_size=1, max_size=5))
    def read(self, partition: Partition, handed_on: list[bool]) -> None:
        start = self.position[partition]
        begun = [Place(partition, start + place) for place, later in enumerate(handed_on) if later]
        self.offsets.begin(dict.fromkeys(begun, SIZE))
        self.unfinished |= set(begun)
        self.position[partition] = start + len(handed_on)
        self.offsets.reach({partition: self.position[partition]})

    @rule(draw=st.randoms())
    def finish(self, draw: object) -> None:
        if self.unfinished:
            one = draw.choice(sorted(self.unfinished))  # type: ignore[attr-defined]
            self.unfinished.discard(one)
            self.offsets.finish([one])

    @rule()
    def commit(self) -> None:
        ends = self.offsets.to_commit()
        self.committed |= ends
        self.offsets.committed(ends)

    @rule(partition=st.sampled_from(PARTITIONS))
    def lose(self, partition: Partition) -> None:
        self.offsets.lose([partition])
        self.unfinished = {one for one in self.unfinished if one[0] != partition}
        self.position[partition] = self.committed[partition]

    @rule(partition=st.sampled_from(PARTITIONS), handed_on=st.lists(st.booleans(), min_size=1, max_size=5))
    def read_again(self, partition: Partition, handed_on: list[bool]) -> None:
        """It went and came back within one poll, so that nobody noticed: what is under way goes on."""
        self.position[partition] = self.committed[partition]
        self.read(partition, handed_on)

    @invariant()
    def nothing_unfinished_is_below_what_is_committed(self) -> None:
        for partition, offset in self.unfinished:
            assert self.committed[partition] <= offset

    @invariant()
    def all_is_committed_once_all_is_finished(self) -> None:
        for partition, end in self.offsets.to_commit().items():
            below = [offset for one, offset in self.unfinished if one == partition]
            assert end == min([self.position[partition], *below])
        assert len(self.offsets) == len(self.unfinished)
        assert self.offsets.bytes == len(self.unfinished) * SIZE


TestReading = Reading.TestCase
TestReading.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


def test_a_record_that_is_read_again_holds_back_those_above_it():
    offsets, (partition, _) = Offsets(), PARTITIONS
    offsets.begin({Place(partition, 1): SIZE})
    offsets.reach({partition: 2})
    offsets.begin({Place(partition, 0): SIZE})
    offsets.reach({partition: 1})
    assert offsets.to_commit() == {partition: 0}
