"""What tests ask of a broker, through clients of their own."""

import time
from contextlib import closing

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition


class Kafka:
    """What the tests ask of a broker, through clients of their own."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def values(self, topic: str) -> list[bytes]:
        """All that is on a topic."""
        with closing(KafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False)) as consumer:
            partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
            consumer.assign(partitions)
            consumer.seek_to_beginning(*partitions)
            ends = consumer.end_offsets(partitions)
            found: list[bytes] = []
            deadline = time.monotonic() + 30
            while any(consumer.position(one) < ends[one] for one in partitions):
                assert time.monotonic() < deadline
                for records in consumer.poll(timeout_ms=200).values():
                    found += [record.value for record in records]
            return found

    def committed(self, group: str) -> dict[tuple[str, int], int]:
        """Where a group stands."""
        with closing(KafkaAdminClient(bootstrap_servers=self.bootstrap)) as admin:
            offsets = admin.list_group_offsets([group])[group]
        return {(one.topic, one.partition): told.offset for one, told in offsets.items() if told.offset >= 0}
