"""Where personal data could get to: logs, metrics, Kafka, PostgreSQL. Each place as pieces of bytes with a name."""

import urllib.request
from collections.abc import Iterator
from typing import Any

import psycopg2
from kafka import KafkaConsumer, TopicPartition
from psycopg2 import sql

from deploy.local.stack import Stack
from octavo import topics

Piece = tuple[str, bytes]

PARTITIONS = {topic.name: topic.partitions for topic in topics.ALL} | {topic.dead: 1 for topic in topics.ALL}


def logs(stack: Stack) -> Iterator[Piece]:
    """What every process has written, line by line."""
    for file in sorted(stack.instance.logs.iterdir()):
        for number, line in enumerate(file.read_bytes().splitlines(), 1):
            yield f"{file.name}:{number}", line


def metrics(known: dict[str, str]) -> Iterator[Piece]:
    """What every process tells when it is scraped."""
    for name in ("API", "PERSISTER", "DISPATCHER", "CALLBACKS"):
        with urllib.request.urlopen(known[f"{name}_METRICS_URL"], timeout=10) as answer:
            yield f"metrics of {name.lower()}", answer.read()


def records(bootstrap: str, names: list[str]) -> list[Any]:
    """Every record of these topics, as kafka-python gives it."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest")
    partitions = [TopicPartition(name, number) for name in names for number in range(PARTITIONS[name])]
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions)
    found: list[Any] = []
    while any(consumer.position(partition) < ends[partition] for partition in partitions):
        for batch in consumer.poll(timeout_ms=1000).values():
            found += batch
    consumer.close()
    return found


def kafka(bootstrap: str) -> Iterator[Piece]:
    """Keys, values and headers of every record, dead letters among them."""
    for record in records(bootstrap, list(topics.names())):
        place = f"{record.topic}-{record.partition}@{record.offset}"
        yield f"{place} key", record.key or b""
        yield f"{place} value", record.value or b""
        for name, value in record.headers:
            yield f"{place} header {name}", name.encode() + b": " + (value or b"")


def postgres(url: str) -> Iterator[Piece]:
    """Every column of every row of every table, as text; what is binary is in hexadecimal digits, and as it is."""
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_schema, table_name, column_name FROM information_schema.columns JOIN pg_class ON "
            "pg_class.oid = format('%I.%I', table_schema, table_name)::regclass "
            "WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND relkind = 'r'"
        )
        for schema, table, column in cursor.fetchall():
            name = sql.Identifier(column)
            cursor.execute(sql.SQL("SELECT {} FROM {}.{}").format(name, sql.Identifier(schema), sql.Identifier(table)))
            for (value,) in cursor.fetchall():
                data = bytes(value) if isinstance(value, memoryview) else str(value).encode()
                yield f"{table}.{column}", data
