"""Who may reach whom: the policies are asked, as a cluster asks them."""

from pathlib import Path

import pytest

from scripts.k8s import rules, schemas
from scripts.k8s.kustomize import render

TELEMETRY = Path(__file__).parents[4] / "deploy/k8s/telemetry"
WORLD = {"world": "yes"}


def _matches(selector, labels):
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def _peer(peer, labels, namespace):
    """Whether a rule's peer is a pod of these labels in a namespace; our own is `octavo`."""
    if "ipBlock" in peer:
        return labels is WORLD
    if labels is WORLD:
        return False
    own = _matches(peer["namespaceSelector"], namespace) if "namespaceSelector" in peer else namespace is OWN
    return own and _matches(peer.get("podSelector", {}), labels)


OWN = {"kubernetes.io/metadata.name": "octavo"}


def _permitted(manifests, direction, subject, other, port, namespace):
    policies = [
        item["spec"]
        for item in manifests.of("NetworkPolicy")
        if direction in item["spec"]["policyTypes"] and _matches(item["spec"]["podSelector"], subject)
    ]
    assert policies, "no pod is without a policy"
    word, side = ("egress", "to") if direction == "Egress" else ("ingress", "from")
    return any(
        any(port in range(entry["port"], entry.get("endPort", entry["port"]) + 1) for entry in rule["ports"])
        and (side not in rule or any(_peer(peer, other, namespace) for peer in rule[side]))
        for policy in policies
        for rule in policy.get(word, [])
    )


@pytest.fixture
def pods(manifests):
    return {
        item["metadata"]["name"]: item["spec"]["template"]["metadata"]["labels"]
        for item in manifests.of("Deployment", "StatefulSet", "Job")
    }


def _flows(manifests, pods, source, target, port):
    return _permitted(manifests, "Egress", pods[source], pods[target], port, OWN) and _permitted(
        manifests, "Ingress", pods[target], pods[source], port, OWN
    )


def test_everything_is_denied_that_is_not_allowed(manifests):
    deny = manifests.get("NetworkPolicy", "deny-all")["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@pytest.mark.asked("C6")
def test_the_flow_has_its_paths_and_no_others(local):
    pods = {
        item["metadata"]["name"]: item["spec"]["template"]["metadata"]["labels"]
        for item in local.of("Deployment", "StatefulSet", "Job")
    }
    everyone = {*pods}
    backing = {"kafka", "postgres", "simulator", "s3"}
    kafka = {name for name in everyone if _flows(local, pods, name, "kafka", 9092)}
    postgres = {name for name in everyone if _flows(local, pods, name, "postgres", 5432)}
    simulator = {name for name in everyone if _flows(local, pods, name, "simulator", 8000)}
    receipts = {name for name in everyone if _flows(local, pods, name, "callbacks-receiver", 8080)}
    assert kafka == everyone - backing - {"migrate"}
    assert postgres == everyone - backing - {"create-topics", "callbacks-receiver"}
    assert simulator == {name for name in everyone if name.startswith("dispatcher-")}
    assert receipts == {"simulator"}
    assert {name for name in everyone if _flows(local, pods, name, "s3", 8000)} == {"api", "persister-jobs"}
    # Nothing inside calls the api.
    assert not any(_flows(local, pods, name, "api", 50051) for name in everyone)


def test_only_those_who_need_it_reach_the_internet(manifests, pods):
    reaching = {name for name, labels in pods.items() if _permitted(manifests, "Egress", labels, WORLD, 443, OWN)}
    # Receipts of SNS are verified with certificates of AWS, and CSV files lie in S3.
    others = {"callbacks-receiver", "persister-jobs", "api"}
    assert reaching == {name for name in pods if name.startswith("dispatcher-")} | others


def test_clients_reach_the_api_and_nothing_else(manifests, pods):
    clients = {"kubernetes.io/metadata.name": "shop", "octavo.dev/client": "true"}
    strangers = {"kubernetes.io/metadata.name": "elsewhere"}
    for name, labels in pods.items():
        for port in (50051, 9100, 8080, 9092, 5432):
            allowed = _permitted(manifests, "Ingress", labels, {"app": "shop"}, port, clients)
            assert allowed == (name == "api" and port == 50051)
            assert not _permitted(manifests, "Ingress", labels, {"app": "x"}, port, strangers)


def test_prometheus_reaches_the_metrics_of_every_service(manifests, pods):
    monitoring = {"kubernetes.io/metadata.name": "monitoring"}
    for item in manifests.services():
        labels = pods[item["metadata"]["name"]]
        assert _permitted(manifests, "Ingress", labels, {"app": "prometheus"}, 9100, monitoring)


@pytest.mark.parametrize("port", [4318, 8125])
def test_telemetry_leaves_only_where_its_policy_is_added(manifests, pods, port):
    monitoring = {"kubernetes.io/metadata.name": "monitoring"}

    def leaving():
        return {
            name
            for name, labels in pods.items()
            if _permitted(manifests, "Egress", labels, {"x": "y"}, port, monitoring)
        }

    assert leaving() == set()
    added = render(TELEMETRY)
    manifests.objects += added
    assert leaving() >= {item["metadata"]["name"] for item in manifests.services()}
    assert not leaving() & {"kafka", "postgres", "simulator", "s3"}
    (rule,) = added[0]["spec"]["egress"]
    assert ("UDP" if port == 8125 else "TCP", port) in {(entry["protocol"], entry["port"]) for entry in rule["ports"]}
    assert [*schemas.faults(added[0]), *rules.faults_together(manifests.objects)] == []


def test_who_uses_something_is_labelled_so(manifests):
    for item in manifests.services():
        pod = item["spec"]["template"]["spec"]
        labels = item["spec"]["template"]["metadata"]["labels"]
        secrets = [
            source["secret"]["name"]
            for volume in pod["volumes"]
            for source in volume.get("projected", {}).get("sources", [])
        ]
        assert (labels.get("octavo.dev/database") == "true") == ("octavo-database" in secrets)
        waits = {container["name"] for container in pod["initContainers"]}
        assert (labels.get("octavo.dev/kafka") == "true") == ("wait-for-topics" in waits)
        assert (labels.get("octavo.dev/database") == "true") == ("wait-for-database" in waits)


def test_only_receipts_come_in_from_outside(production):
    assert [*production.of("Ingress")] == []
    (route,) = production.of("HTTPRoute")
    (rule,) = route["spec"]["rules"]
    (match,), (backend,) = rule["matches"], rule["backendRefs"]
    assert match["path"] == {"type": "PathPrefix", "value": "/receipts"}
    ports = {port["port"] for port in production.get("Service", backend["name"])["spec"]["ports"]}
    assert (backend["name"], {backend["port"]} <= ports) == ("callbacks-receiver", True)
    # No listener of plain HTTP has it.
    assert {parent["sectionName"] for parent in route["spec"]["parentRefs"]} == {"https"}
    assert all("type" not in item["spec"] for item in production.of("Service"))
