"""Records that travel together, and are acknowledged together.

`KafkaProducer.send` takes one record at a time, and costs each some sixty calls for its checks, its place and its future, and
some thirty more when it is acknowledged: five times as much as to write it. What is published at once here goes to one partition
and ends as one. So it is made a batch here. A connection takes it as it is (ADR 0035). In a producer it takes the place that
`send` would have given it, and from there on all is kafka-python's: sequence numbers, retries, time-outs, splitting (ADR 0030).
"""

from collections.abc import Callable
from time import monotonic, time
from typing import Any, Generic, TypeVar

from kafka import TopicPartition
from kafka.errors import IllegalStateError
from kafka.producer.producer_batch import ProducerBatch
from kafka.record.memory_records import MemoryRecordsBuilder

from octavo.topics import Outgoing

O = TypeVar("O")  # noqa: E741 - an owner

BATCH_BYTES = 256 * 1024
"""Where a batch is full. A larger record has one of its own."""
_FORMAT = 2
"""Of records: the one with headers and sequence numbers, and the only one that Kafka 4 takes."""
_NOT_COMPRESSED = 0


class Shipment(Generic[O]):
    """A batch of records of one partition, and whose they are: `owners` has one for each record, in their order.

    `tell` is called with it once it has ended, by the thread of its `producer` if it departed with one; with `error`, it may
    be there nevertheless.
    """

    __slots__ = (
        "_covers",
        "_left",
        "_messages",
        "_records",
        "_tell",
        "_time",
        "at",
        "error",
        "owners",
        "producer",
        "since",
    )

    def __init__(self, at: TopicPartition, tell: Callable[["Shipment[O]"], None]) -> None:
        self.at = at
        self.owners: list[O] = []
        self.error: BaseException | None = None
        self.since = monotonic()
        self.producer: Any = None
        self._messages: list[Outgoing] = []
        self._records = _no_records()
        self._time = int(time() * 1000)
        self._tell = tell
        self._left = 0
        # How many records each batch has of this shipment: one batch, unless it is split.
        self._covers: dict[Any, int] = {}

    def load(self, message: Outgoing, owner: O) -> bool:
        """Takes a record along; False if there is no more room for it, which the first one always has."""
        if self._records.append(self._time, message.key, message.value, message.headers) is None:
            return False
        self._messages.append(message)
        self.owners.append(owner)
        return True

    def records(self) -> bytes:
        """The batch as it travels, for who sends it without a producer. Asked for once; nothing more is loaded from now on."""
        records, self._records = self._records, None
        records.close()
        built: bytes = records.buffer()
        return built

    def end(self, error: BaseException | None = None) -> None:
        """Says that it ended, for who sends it without a producer."""
        self.error = error
        self._tell(self)

    def depart(self, producer: Any) -> None:
        """Hands it to a producer. Raises IllegalStateError if that was closed: then it does not go out.

        One that was sent without a producer, and may have arrived or not, is offered once more, for what is left of its time.
        """
        if self._records is None:
            self._rebuild()
        batch = ProducerBatch(self.at, self._records, self.since)
        self._left = len(self.owners)
        self._expect(batch.produce_future, self._left)
        # Asked to be rebound for each record, if the batch is split.
        batch._record_futures = [self] * self._left  # noqa: SLF001 - there is no public way, here and below
        _put(producer._accumulator, batch)  # noqa: SLF001
        self.producer = producer
        producer._sender.wakeup()  # noqa: SLF001

    def rebind(self, future: Any, _index: int) -> None:
        """What kafka-python calls for each record, in order, when the broker found the batch too large and it is split.

        The future of the batch that was split never ends.
        """
        if future in self._covers:
            self._covers[future] += 1
        else:
            self._expect(future, 1)

    def _rebuild(self) -> None:
        """Makes a batch of its records once more: one that was built takes no sequence numbers."""
        self._records = _no_records()
        for message in self._messages:
            self._records.append(self._time, message.key, message.value, message.headers)

    def _expect(self, future: Any, records: int) -> None:
        self._covers[future] = records

        def ended(result: tuple[int, int, Callable[[int], BaseException] | None]) -> None:
            error_of = result[2]
            if error_of is not None:
                self.error = error_of(0)
            self._left -= self._covers.pop(future)
            if self._left <= 0:
                self._tell(self)

        future.add_callback(ended)


def _no_records() -> Any:
    """A batch to be filled."""
    return MemoryRecordsBuilder(_FORMAT, _NOT_COMPRESSED, BATCH_BYTES)


def _put(accumulator: Any, batch: Any) -> None:
    """Puts a batch last in the line of its partition. Raises IllegalStateError if the producer is closed.

    As RecordAccumulator.append does: counted, so that a producer that is closed meanwhile looks for it again.
    """
    at = batch.topic_partition
    accumulator._appends_in_progress.increment()  # noqa: SLF001
    try:
        with accumulator._tp_lock(at):  # noqa: SLF001
            if accumulator._closed:  # noqa: SLF001
                raise IllegalStateError("the producer is closed")
            accumulator._batches[at].append(batch)  # noqa: SLF001
            accumulator._incomplete.add(batch)  # noqa: SLF001
    finally:
        accumulator._appends_in_progress.decrement()  # noqa: SLF001
