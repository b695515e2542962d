"""Each lane has a Deployment of its own, and the manifests name what the code names."""

import pytest

from octavo import topics
from octavo.messaging.kafka.administration import DEAD_RETENTION
from octavo.messaging.kafka.size import LARGEST, LARGEST_DEAD
from octavo.telemetry import metrics
from services.api.parts import PUBLISHED as API_TOPICS
from services.callbacks.parts import ROLES as CALLBACKS_ROLES
from services.dispatcher.parts import TOPICS as DISPATCHER_TOPICS
from services.dispatcher.parts import USED as DISPATCHER_USED
from services.persister.__main__ import chosen
from services.persister.parts import JOBS
from services.persister.parts import ROLES as PERSISTER_ROLES
from services.persister.parts import TOPICS as PERSISTER_TOPICS
from services.persister.parts import USED as PERSISTER_USED


def _arguments(deployment):
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return container["command"][-1], container.get("args", [])


def _run_by(manifests, module):
    """What each Deployment of a module is told to run."""
    return [
        (item["metadata"]["name"], arguments)
        for item in manifests.services()
        for command, arguments in [_arguments(item)]
        if command == module
    ]


@pytest.mark.asked("S3", "C6")
def test_each_queue_has_workers_of_its_own(manifests):
    persisters = dict(_run_by(manifests, "services.persister"))
    dispatchers = dict(_run_by(manifests, "services.dispatcher"))
    for lane in topics.LANES:
        assert persisters[f"persister-{lane.persist.name}"] == ["--topics", lane.persist.name]
        assert dispatchers[f"dispatcher-{lane.send.name}"] == ["--topics", lane.send.name]


def test_all_that_the_services_can_do_is_done_once(manifests):
    told = [name for _, arguments in _run_by(manifests, "services.persister") for name in chosen(arguments)]
    assert sorted(told) == sorted([*PERSISTER_TOPICS, *PERSISTER_ROLES, JOBS])
    dispatched = [arguments[1] for _, arguments in _run_by(manifests, "services.dispatcher")]
    assert sorted(dispatched) == sorted(DISPATCHER_TOPICS)
    received = [arguments[1] for _, arguments in _run_by(manifests, "services.callbacks")]
    assert sorted(received) == sorted(CALLBACKS_ROLES)


def test_topics_are_those_of_the_code(production):
    there = {item["metadata"]["name"]: item["spec"] for item in production.of("KafkaTopic")}
    assert sorted(there) == sorted(topics.names())
    for topic in topics.ALL:
        spec, dead = there[topic.name], there[topic.dead]
        assert spec["partitions"] == topic.partitions
        assert spec["config"]["retention.ms"] == topic.retention.total_seconds() * 1000
        assert spec["config"]["max.message.bytes"] == LARGEST
        assert dead["config"]["max.message.bytes"] == LARGEST_DEAD
        assert dead["partitions"] == 1
        assert dead["config"]["retention.ms"] == DEAD_RETENTION.total_seconds() * 1000
        for each in (spec, dead):
            assert each["replicas"] == 3
            assert each["config"]["min.insync.replicas"] == 2


def test_a_group_never_has_more_members_than_partitions(production):
    for item in production.of("ScaledObject"):
        trigger = item["spec"]["triggers"][0]
        topic = topics.BY_NAME[trigger["metadata"]["topic"]]
        assert item["spec"]["minReplicaCount"] <= item["spec"]["maxReplicaCount"] <= topic.partitions


def test_scaling_looks_at_the_groups_of_the_code(production):
    wanted = {f"persister-{lane.persist.name}": lane.persist.group for lane in topics.LANES}
    wanted |= {f"dispatcher-{lane.send.name}": lane.send.group for lane in topics.LANES}
    wanted["callbacks-handler"] = topics.RECEIPTS.group
    found = {}
    for item in production.of("ScaledObject"):
        trigger = item["spec"]["triggers"][0]
        assert trigger["metadata"]["consumerGroup"].endswith(f".{trigger['metadata']['topic']}")
        found[item["spec"]["scaleTargetRef"]["name"]] = trigger["metadata"]["consumerGroup"]
    assert found == wanted


def test_scaling_by_age_asks_for_a_metric_of_the_code(production):
    asked = {
        item["spec"]["triggers"][0]["metadata"]["topic"]: trigger["metadata"]["query"]
        for item in production.of("ScaledObject")
        for trigger in item["spec"]["triggers"][1:]
    }
    (metric,) = [sample.name for sample in metrics.BACKLOG_AGE.collect()]
    assert asked == {topic: f'max({metric}{{topic="{topic}"}})' for topic in asked}
    # Single messages and receipts are in a hurry; CSV rows are not.
    assert {*asked} == {"db-sms", "db-email", "send-sms", "send-email", "receipts"}


def _allowed(production, user):
    """Topic or prefix of group: operations."""
    allowed: dict[str, set[str]] = {}
    for rule in production.get("KafkaUser", user)["spec"]["authorization"]["acls"]:
        allowed.setdefault(rule["resource"]["name"], set()).update(rule["operations"])
    return allowed


def test_kafka_users_may_do_what_the_flow_needs_and_no_more(production):
    lanes = topics.LANES
    read = {"Read", "Describe"}
    write = {"Write", "Describe"}
    persister = {name: read for lane in lanes for name in [lane.persist.name]}
    persister |= {lane.send.name: write for lane in lanes} | {lane.persist.dead: write for lane in lanes}
    # The reader of CSV jobs writes the rows that the CSV lanes then read.
    persister |= {lane.persist.name: read | write for lane in lanes if lane.origin == "csv"}
    persister |= {topics.JOBS.name: read, topics.JOBS.dead: write, "persister.": read}
    dispatcher = {lane.send.name: read for lane in lanes} | {lane.send.dead: write for lane in lanes}
    # What is sent with test keys has receipts of its own making.
    dispatcher |= {topics.RECEIPTS.name: write}
    receipts = {topics.RECEIPTS.name: read | write, topics.RECEIPTS.dead: write, "callbacks.": read}
    api = {lane.persist.name: write for lane in lanes if lane.origin == "api"} | {topics.JOBS.name: write}
    assert _allowed(production, "octavo-persister") == persister
    assert _allowed(production, "octavo-dispatcher") == dispatcher | {"dispatcher.": read}
    assert _allowed(production, "octavo-callbacks") == receipts
    assert _allowed(production, "octavo-api") == api
    groups = {prefix: {"Describe"} for prefix in ("persister.", "dispatcher.", "callbacks.")}
    assert _allowed(production, "octavo-watch") == dict.fromkeys(topics.names(), read) | groups
    replay = {topic.name: write for topic in topics.ALL} | {topic.dead: read for topic in topics.ALL}
    assert _allowed(production, "octavo-replay") == replay | {"replay.": read}
    assert all(operations == {"Describe"} for operations in _allowed(production, "octavo-scaling").values())


def test_pods_wait_for_topics_that_their_user_may_see(production):
    for item in production.services():
        (waiting,) = [
            container
            for container in item["spec"]["template"]["spec"]["initContainers"]
            if container["name"] == "wait-for-topics"
        ]
        (user,) = [entry["value"] for entry in waiting["env"] if entry["name"] == "OCTAVO_KAFKA_USERNAME"]
        assert waiting["args"]
        assert {*waiting["args"]} <= {*_allowed(production, user)}


def test_pods_wait_for_the_topics_that_their_processes_use(manifests):
    used = {
        "services.api": lambda _: API_TOPICS,
        "services.persister": lambda arguments: [one for name in chosen(arguments) for one in PERSISTER_USED[name]],
        "services.dispatcher": lambda arguments: DISPATCHER_USED[arguments[1]],
        "services.callbacks": lambda arguments: CALLBACKS_ROLES[arguments[1]].topics,
    }
    for item in manifests.services():
        command, arguments = _arguments(item)
        containers = item["spec"]["template"]["spec"]["initContainers"]
        (waiting,) = [one["args"] for one in containers if one["name"] == "wait-for-topics"]
        assert {*waiting} == {*used[command](arguments)}, item["metadata"]["name"]
