"""Topics: created explicitly, and compared with what the code expects."""

from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import (
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)

from octavo import topics
from octavo.domain.errors import Unavailable
from octavo.messaging.kafka.client import connected
from octavo.messaging.kafka.size import largest_of
from octavo.messaging.security import KafkaSecurity

DEAD_RETENTION = timedelta(days=30)
_NOT_THERE = (UnknownTopicOrPartitionError.errno, TopicAuthorizationFailedError.errno)


def create_topics(bootstrap: str, security: KafkaSecurity, *, replication: int = 1, partitions: int = 0) -> list[str]:
    """Creates the topics that are missing, and names them. `partitions` overrides the count of the code.

    Raises Unavailable while no broker answers.
    """
    with closing(_admin(bootstrap, security)) as admin:
        try:
            there = set(admin.list_topics())
            missing = {name: options for name, options in _wanted(replication, partitions).items() if name not in there}
            if missing:
                admin.create_topics(missing)
        except TopicAlreadyExistsError:
            # Another process made one in the meantime: what it left is created by the next round.
            return create_topics(bootstrap, security, replication=replication, partitions=partitions)
        except KafkaError as error:
            raise Unavailable(f"topics can't be created: {type(error).__name__}") from error
    return sorted(missing)


def missing_topics(bootstrap: str, security: KafkaSecurity) -> list[str]:
    """The topics of the code that the broker lacks. Raises Unavailable while no broker answers."""
    with closing(_admin(bootstrap, security)) as admin:
        try:
            there = set(admin.list_topics())
        except KafkaError as error:
            raise Unavailable(f"topics can't be listed: {type(error).__name__}") from error
    return [name for name in topics.names() if name not in there]


def partitions_of(bootstrap: str, security: KafkaSecurity, names: Sequence[str]) -> dict[str, int]:
    """How many partitions each of these topics has; those that are not there, or that this user may not see, are left out.

    Raises Unavailable while no broker answers.
    """
    with closing(_admin(bootstrap, security)) as admin:
        try:
            told = admin.describe_topics(list(names))
        except KafkaError as error:
            raise Unavailable(f"topics can't be looked at: {type(error).__name__}") from error
    for topic in told:
        if topic["error_code"] not in (0, *_NOT_THERE):
            raise Unavailable(f"{topic['name']} can't be looked at: {for_code(topic['error_code']).__name__}")
    return {topic["name"]: len(topic["partitions"]) for topic in told if not topic["error_code"]}


def _wanted(replication: int, partitions: int) -> dict[str, dict[str, Any]]:
    wanted: dict[str, dict[str, Any]] = {}
    for topic in topics.ALL:
        wanted[topic.name] = _options(topic.name, partitions or topic.partitions, replication, topic.retention)
        wanted[topic.dead] = _options(topic.dead, 1, replication, DEAD_RETENTION)
    return wanted


def _options(name: str, partitions: int, replication: int, retention: timedelta) -> dict[str, Any]:
    return {
        "num_partitions": partitions,
        "replication_factor": replication,
        "configs": {
            "retention.ms": str(int(retention.total_seconds() * 1000)),
            "cleanup.policy": "delete",
            "max.message.bytes": str(largest_of(name)),
            "min.insync.replicas": "2" if replication > 2 else "1",  # noqa: PLR2004
        },
    }


def _admin(bootstrap: str, security: KafkaSecurity) -> Any:
    return connected(KafkaAdminClient, bootstrap=bootstrap, security=security, request_timeout_ms=10_000)
