"""Every overlay is without a fault, and each rule finds the fault that it is for."""

from copy import deepcopy

import pytest

from scripts.k8s import rules, schemas


@pytest.mark.asked("C6", "C9")
def test_every_overlay_is_without_a_fault(manifests):
    faults = [fault for item in manifests.objects for fault in (*schemas.faults(item), *rules.faults(item))]
    assert [*faults, *rules.faults_together(manifests.objects)] == []


def _pod(item):
    return item["spec"]["template"]["spec"]


def _container(item):
    return _pod(item)["containers"][0]


BREAKS = {
    "another user than root": lambda item: _pod(item)["securityContext"].pop("runAsNonRoot"),
    "seccomp": lambda item: _pod(item)["securityContext"].pop("seccompProfile"),
    "automountServiceAccountToken": lambda item: _pod(item).pop("automountServiceAccountToken"),
    "volume of the host": lambda item: _pod(item)["volumes"].append({"name": "host", "hostPath": {"path": "/"}}),
    "allowPrivilegeEscalation": lambda item: _container(item)["securityContext"].pop("allowPrivilegeEscalation"),
    "all capabilities": lambda item: _container(item)["securityContext"].pop("capabilities"),
    "read-only root": lambda item: _container(item)["securityContext"].pop("readOnlyRootFilesystem"),
    "limit of memory": lambda item: _container(item)["resources"].pop("limits"),
    "tag or a digest": lambda item: _container(item).update(image="octavo:latest"),
    "must come from a Secret": lambda item: _container(item)["env"].append({"name": "OCTAVO_HASH_KEY", "value": "x"}),
    "longer than the lease": lambda item: _pod(item).update(terminationGracePeriodSeconds=60),
    "spread": lambda item: _pod(item).pop("topologySpreadConstraints"),
    "priority": lambda item: _pod(item).pop("priorityClassName"),
    "readinessProbe": lambda item: _container(item).pop("readinessProbe"),
    "/livez": lambda item: _container(item)["livenessProbe"]["httpGet"].update(path="/readyz"),
}


@pytest.mark.parametrize("said", BREAKS)
def test_a_fault_is_found(production, said):
    item = production.get("Deployment", "dispatcher-send-sms")
    BREAKS[said](item)
    assert [fault for fault in rules.faults(item) if said in fault]


def test_secrets_are_never_contained():
    assert [*rules.faults({"kind": "Secret", "metadata": {"name": "keys"}, "data": {}})]


def test_an_unknown_field_is_a_fault(production):
    item = production.get("Deployment", "api")
    item["spec"]["template"]["spec"]["terminationGracePeriod"] = 75
    assert [fault for fault in schemas.faults(item) if "terminationGracePeriod" in fault]


def test_an_unknown_kind_is_a_fault(production):
    item = production.get("Kafka", "octavo")
    item["apiVersion"] = "kafka.strimzi.io/v1beta1"
    assert [*schemas.faults(item)]


def test_what_is_referred_to_must_be_there(production):
    objects = [item for item in production.objects if item["kind"] != "ServiceAccount"]
    faults = [*rules.faults_together(objects)]
    assert any("ServiceAccount persister" in fault for fault in faults)


def test_a_deployment_without_a_budget_is_found(production):
    objects = [item for item in production.objects if item["kind"] != "PodDisruptionBudget"]
    assert any("persister-db-sms has no PodDisruptionBudget" in fault for fault in rules.faults_together(objects))


def test_a_scaled_deployment_has_no_replicas(production):
    objects = deepcopy(production.objects)
    next(item for item in objects if item["metadata"]["name"] == "api" and item["kind"] == "Deployment")["spec"][
        "replicas"
    ] = 3
    assert any("Deployment api is scaled" in fault for fault in rules.faults_together(objects))


def test_namespaces_enforce_the_restricted_standard(manifests):
    (namespace,) = manifests.of("Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
