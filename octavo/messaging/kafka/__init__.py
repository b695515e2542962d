"""Kafka's Source, Sink and Publisher, and its topics. The only package that imports kafka-python."""

from octavo.messaging.kafka.backlog import KafkaBacklog
from octavo.messaging.kafka.publisher import KafkaPublisher
from octavo.messaging.kafka.sink import KafkaSink, producer
from octavo.messaging.kafka.source import KafkaSource

__all__ = ["KafkaBacklog", "KafkaPublisher", "KafkaSink", "KafkaSource", "producer"]
