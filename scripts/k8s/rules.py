"""Rules of ours for manifests, beyond what schemas say."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from octavo.storage.send import LEASE
from scripts.k8s.kustomize import containers

Object = dict[str, Any]

LEASE_SECONDS = LEASE.total_seconds()
"""How long a claim of the dispatcher holds; a pod must have longer to end."""

_SCALED = {"HorizontalPodAutoscaler", "ScaledObject"}


def faults(item: Object) -> Iterator[str]:
    """What is wrong with an object by itself."""
    if item["kind"] == "Secret":
        yield "secrets are referenced, never contained"
    if item["kind"] == "ServiceAccount" and item.get("automountServiceAccountToken") is not False:
        yield "nothing of Octavo asks the Kubernetes API: automountServiceAccountToken must be false"
    if containers(item):
        yield from _of_pod(item["spec"]["template"]["spec"])
        for container in containers(item):
            yield from (f"container {container['name']}: {fault}" for fault in _of_container(container))
    if item["kind"] == "Deployment" and item["metadata"].get("labels", {}).get("octavo.dev/service"):
        yield from _of_service(item["spec"]["template"]["spec"])


def _of_pod(pod: Object) -> Iterator[str]:
    if pod.get("automountServiceAccountToken") is not False:
        yield "automountServiceAccountToken must be false"
    if pod.get("enableServiceLinks") is not False:
        yield "enableServiceLinks must be false, lest other Services become variables"
    security = pod.get("securityContext", {})
    if not security.get("runAsNonRoot") or not security.get("runAsUser"):
        yield "must run as another user than root"
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "needs the seccomp profile RuntimeDefault"
    if any("hostPath" in volume for volume in pod.get("volumes", [])):
        yield "no volume of the host"


def _of_container(container: Object) -> Iterator[str]:
    security = container.get("securityContext", {})
    if security.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation must be false"
    if security.get("capabilities", {}).get("drop") != ["ALL"]:
        yield "must drop all capabilities"
    if container["name"] != "kafka" and not security.get("readOnlyRootFilesystem"):
        yield "needs a read-only root file system"
    resources = container.get("resources", {})
    if set(resources.get("requests", {})) != {"cpu", "memory"} or "memory" not in resources.get("limits", {}):
        yield "needs requests of cpu and memory, and a limit of memory"
    if re.search(r":latest$|^[^:@]+$", container["image"]):
        yield f"the image {container['image']} needs a tag or a digest"
    for variable in container.get("env", []):
        if "value" in variable and re.search("PASSWORD$|KEY$|KEYS$|TOKEN$|SECRET$", variable["name"]):
            yield f"{variable['name']} must come from a Secret"


def _of_service(pod: Object) -> Iterator[str]:
    if pod.get("terminationGracePeriodSeconds", 30) <= LEASE_SECONDS:
        yield f"terminationGracePeriodSeconds must be longer than the lease of {LEASE_SECONDS:g} s"
    if not pod.get("topologySpreadConstraints"):
        yield "must be spread over zones and nodes"
    if not pod.get("priorityClassName"):
        yield "needs a priority"
    (container,) = pod["containers"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        if probe not in container:
            yield f"needs a {probe}"
    if container.get("livenessProbe", {}).get("httpGet", {}).get("path") != "/livez":
        yield "liveness must ask /livez, which ignores Kafka and PostgreSQL"


def faults_together(objects: Sequence[Object]) -> Iterator[str]:
    """What is wrong with the objects of an overlay as a whole."""
    names = [(item["kind"], item["metadata"]["name"]) for item in objects]
    for kind, name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{kind} {name} is there twice"
    scaled = {item["spec"]["scaleTargetRef"]["name"] for item in objects if item["kind"] in _SCALED}
    yield from (f"{name} is scaled but not there" for name in sorted(scaled) if ("Deployment", name) not in names)
    services = [
        item
        for item in objects
        if item["kind"] == "Deployment" and item["metadata"].get("labels", {}).get("octavo.dev/service")
    ]
    for item in services:
        name = item["metadata"]["name"]
        if ("PodDisruptionBudget", name) not in names:
            yield f"Deployment {name} has no PodDisruptionBudget"
        if name in scaled and "replicas" in item["spec"]:
            yield f"Deployment {name} is scaled: replicas would undo it whenever the manifests are applied"
    for item in objects:
        if containers(item):
            yield from _references(item, names)


def _references(item: Object, names: list[tuple[str, str]]) -> Iterator[str]:
    pod = item["spec"]["template"]["spec"]
    wanted = {
        ("ConfigMap", source["configMapRef"]["name"]) for c in containers(item) for source in c.get("envFrom", [])
    }
    wanted |= {("PriorityClass", pod["priorityClassName"])} if "priorityClassName" in pod else set()
    wanted |= {("ServiceAccount", pod["serviceAccountName"])} if "serviceAccountName" in pod else set()
    for kind, name in sorted(wanted - set(names)):
        yield f"{item['kind']} {item['metadata']['name']} refers to the {kind} {name}, which is not there"
    volumes = {volume["name"] for volume in pod.get("volumes", [])}
    volumes |= {claim["metadata"]["name"] for claim in item["spec"].get("volumeClaimTemplates", [])}
    mounted = {mount["name"] for container in containers(item) for mount in container.get("volumeMounts", [])}
    for name in sorted(volumes ^ mounted):
        yield f"{item['kind']} {item['metadata']['name']}: the volume {name} is not both declared and mounted"
