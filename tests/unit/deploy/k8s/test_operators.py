"""What operators bring is checked as strictly as what Kubernetes has itself."""

import pytest

from scripts.k8s import operators, schemas

BREAKS = {
    ("KafkaTopic", "db-sms", "replica"): lambda spec: spec.update(replica=3),
    ("KafkaTopic", "db-sms", "'partitions' is a required"): lambda spec: spec.pop("partitions"),
    ("KafkaTopic", "db-sms", "retention"): lambda spec: spec["config"].update({"retention": 1}),
    ("KafkaUser", "octavo-api", "'Writes'"): lambda spec: spec["authorization"]["acls"][0]["operations"].append(
        "Writes"
    ),
    ("KafkaUser", "octavo-api", "'scram-sha-256'"): lambda spec: spec["authentication"].update(type="scram-sha-256"),
    ("Kafka", "octavo", "zookeeper"): lambda spec: spec.update(zookeeper={}),
    ("Kafka", "octavo", "listeners"): lambda spec: spec["kafka"]["config"].update(listeners="PLAINTEXT://:9092"),
    ("KafkaNodePool", "brokers", "'brokers'"): lambda spec: spec.update(roles=["brokers"]),
    ("ScaledObject", "persister-db-sms", "maxReplicas"): lambda spec: spec.update(maxReplicas=8),
    ("ScaledObject", "persister-db-sms", "lagThreshold"): lambda spec: spec["triggers"][0]["metadata"].update(
        lagThreshold=2000
    ),
    ("TriggerAuthentication", "kafka", "secret"): lambda spec: spec["secretTargetRef"][0].update(secret="x"),
    ("PodMonitor", "octavo", "'15'"): lambda spec: spec["podMetricsEndpoints"][0].update(interval="15"),
    ("HTTPRoute", "receipts", "hosts"): lambda spec: spec.update(hosts=spec.pop("hostnames")),
    ("HTTPRoute", "receipts", "'receipts'"): lambda spec: spec["rules"][0]["backendRefs"][0].update(port="receipts"),
    ("PrometheusRule", "octavo", "annotation"): lambda spec: spec["groups"][0]["rules"][0].update(annotation={}),
}


@pytest.mark.parametrize(("kind", "name", "said"), BREAKS)
def test_a_fault_is_found_in_what_an_operator_brings(production, kind, name, said):
    item = production.get(kind, name)
    BREAKS[kind, name, said](item["spec"])
    assert [fault for fault in schemas.faults(item) if said in fault]


def test_every_kind_is_used_and_none_is_unchecked(production):
    brought = {(version, kind) for version, kinds in operators.SPECIFICATIONS.items() for kind in kinds}
    used = {(item["apiVersion"], item["kind"]) for item in production.objects}
    assert brought <= used
    item = production.get("KafkaTopic", "db-sms")
    item["apiVersion"] = "kafka.strimzi.io/v1beta2"
    assert [fault for fault in schemas.faults(item) if "has no KafkaTopic" in fault]
