"""Objects against the schemas of Kubernetes, strictly: an unknown field is a fault."""

from collections.abc import Iterator
from typing import Any

import kubernetes_validate

VERSION = "1.34"
OPERATORS: dict[str, set[str]] = {
    "kafka.strimzi.io/v1": {"Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser"},
    "keda.sh/v1alpha1": {"ScaledObject", "TriggerAuthentication"},
    "monitoring.coreos.com/v1": {"PodMonitor", "PrometheusRule"},
}
"""Kinds that operators bring; their schemas are not at hand, so that rules.py looks at what matters in them."""


def faults(item: dict[str, Any]) -> Iterator[str]:
    """What is wrong with an object."""
    if item["kind"] in OPERATORS.get(item["apiVersion"], ()):
        return
    try:
        kubernetes_validate.validate(item, VERSION, strict=True)
    except kubernetes_validate.SchemaNotFoundError:
        yield f"Kubernetes {VERSION} has no {item['kind']} of {item['apiVersion']}"
    except kubernetes_validate.ValidationError as error:
        yield f"{'.'.join(map(str, error.path))}: {error.message}"
