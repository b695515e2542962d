"""Kafka's Source and Sink, and its topics. The only package that imports kafka-python."""

from octavo.messaging.kafka.sink import KafkaSink, producer
from octavo.messaging.kafka.source import KafkaSource

__all__ = ["KafkaSink", "KafkaSource", "producer"]
