"""Strict schemas of the kinds that operators bring: exactly the fields that deploy/k8s uses, and nothing else.

No package has those of all of them; they are written down here and in strimzi.py from the projects' references: KEDA 2.18
(keda.sh/v1alpha1), Prometheus Operator 0.86 (monitoring.coreos.com/v1), Gateway API 1.4
(gateway.networking.k8s.io/v1). Who uses another field adds it, having looked it up.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator

from scripts.k8s import strimzi
from scripts.k8s.strict import DURATION, SELECTOR, Schema, fields, mapping, one_of, several, text, whole

_REFERENCES = several(fields({"parameter": text(), "name": text(), "key": text()}))
_TRIGGER_AUTHENTICATION = fields({"secretTargetRef": _REFERENCES, "configMapTargetRef": _REFERENCES})
# What a trigger is told is text, numbers too.
_NUMBER = text(r"^[0-9]+(\.[0-9]+)?$")
_KAFKA_TRIGGER = fields(
    {
        "type": one_of("kafka"),
        "authenticationRef": fields({"name": text()}),
        "metadata": fields(
            {
                "bootstrapServersFromEnv": text("^[A-Z_]+$"),
                "consumerGroup": text(),
                "topic": text(),
                "lagThreshold": _NUMBER,
                "activationLagThreshold": _NUMBER,
                "offsetResetPolicy": one_of("earliest", "latest"),
                "sasl": one_of("none", "plaintext", "scram_sha256", "scram_sha512", "oauthbearer", "gssapi"),
                "tls": one_of("enable", "disable"),
            }
        ),
    }
)
_PROMETHEUS_TRIGGER = fields(
    {
        "type": one_of("prometheus"),
        "metricType": one_of("AverageValue", "Value"),
        "metadata": fields({"serverAddress": text("^https?://"), "query": text(), "threshold": _NUMBER}),
    }
)
_SCALE_DOWN = fields(
    {
        "stabilizationWindowSeconds": whole(0, 3600),
        "policies": several(
            fields({"type": one_of("Pods", "Percent"), "value": whole(1), "periodSeconds": whole(1, 1800)})
        ),
    }
)
_SCALED_OBJECT = fields(
    {
        "scaleTargetRef": fields({"name": text(), "envSourceContainerName": text()}),
        "minReplicaCount": whole(),
        "maxReplicaCount": whole(1),
        "pollingInterval": whole(1),
        "cooldownPeriod": whole(),
        "advanced": fields({"horizontalPodAutoscalerConfig": fields({"behavior": fields({"scaleDown": _SCALE_DOWN})})}),
        "triggers": several({"oneOf": [_KAFKA_TRIGGER, _PROMETHEUS_TRIGGER]}),
    }
)

_POD_MONITOR = fields(
    {
        "selector": SELECTOR,
        "podTargetLabels": several(text()),
        "podMetricsEndpoints": several(fields({"port": text(), "path": text("^/"), "interval": DURATION})),
    }
)
_RULE = fields(
    {
        "alert": text(),
        "record": text("^[a-zA-Z_:][a-zA-Z0-9_:]*$"),
        "expr": text(),
        "for": DURATION,
        "labels": mapping(text("")),
        "annotations": mapping(text()),
    },
    "alert", "record", "for", "labels", "annotations",
)  # fmt: skip
_RULES = fields(
    {"groups": several(fields({"name": text(), "interval": DURATION, "rules": several(_RULE)}, "interval"))}
)

_PARENTS = several(fields({"name": text(), "namespace": text(), "sectionName": text()}))
_MATCHES = several(
    fields({"path": fields({"type": one_of("Exact", "PathPrefix", "RegularExpression"), "value": text("^/")})})
)
_BACKENDS = several(fields({"name": text(), "port": whole(1, 65535)}))
_HTTP_ROUTE = fields(
    {
        "parentRefs": _PARENTS,
        "hostnames": several(text(r"^(\*\.)?[a-z0-9.-]+$")),
        "rules": several(fields({"matches": _MATCHES, "backendRefs": _BACKENDS})),
    }
)

SPECIFICATIONS: Mapping[str, Mapping[str, Schema]] = {
    "gateway.networking.k8s.io/v1": {"HTTPRoute": _HTTP_ROUTE},
    "kafka.strimzi.io/v1": {
        "Kafka": strimzi.KAFKA,
        "KafkaNodePool": strimzi.NODE_POOL,
        "KafkaTopic": strimzi.TOPIC,
        "KafkaUser": strimzi.USER,
    },
    "keda.sh/v1alpha1": {"ScaledObject": _SCALED_OBJECT, "TriggerAuthentication": _TRIGGER_AUTHENTICATION},
    "monitoring.coreos.com/v1": {"PodMonitor": _POD_MONITOR, "PrometheusRule": _RULES},
}
"""The `spec` of each kind, by its API version."""
_METADATA = fields(
    {
        "name": text(r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"),
        "namespace": text(),
        "labels": mapping(text(r"^[A-Za-z0-9._-]{0,63}$")),
        "annotations": mapping(text("")),
    },
    "namespace", "annotations",
)  # fmt: skip


def faults(item: dict[str, Any]) -> Iterator[str]:
    """What is wrong with an object of an operator's kind: every fault, with its place."""
    version, kind = item["apiVersion"], item["kind"]
    whole = fields(
        {
            "apiVersion": one_of(version),
            "kind": one_of(kind),
            "metadata": _METADATA,
            "spec": SPECIFICATIONS[version][kind],
        }
    )
    for error in Draft202012Validator(whole).iter_errors(item):
        yield f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
