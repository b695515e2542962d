"""The `spec` of Strimzi's kinds (kafka.strimzi.io/v1, 0.49), as far as deploy/k8s uses them, from Strimzi's reference."""

from scripts.k8s.strict import (
    BOOLEAN,
    QUANTITY,
    RESOURCES,
    SELECTOR,
    fields,
    one_of,
    several,
    text,
    whole,
)

# Templates of pods that an operator makes.
_POD = fields(
    {
        "securityContext": fields(
            {"runAsNonRoot": BOOLEAN, "seccompProfile": fields({"type": one_of("RuntimeDefault")})}
        ),
        "topologySpreadConstraints": several(
            fields(
                {
                    "maxSkew": whole(1),
                    "topologyKey": text(),
                    "whenUnsatisfiable": one_of("DoNotSchedule", "ScheduleAnyway"),
                    "labelSelector": SELECTOR,
                }
            )
        ),
    },
    "topologySpreadConstraints",
)
_CONTAINER = fields(
    {
        "securityContext": fields(
            {"allowPrivilegeEscalation": {"const": False}, "capabilities": fields({"drop": several(one_of("ALL"))})}
        )
    }
)

_LISTENER = fields(
    {
        # Strimzi's own rules for names and ports.
        "name": text("^[a-z0-9]{1,11}$"),
        "port": whole(9092),
        "type": one_of("internal", "route", "loadbalancer", "nodeport", "ingress", "cluster-ip"),
        "tls": BOOLEAN,
        "authentication": fields({"type": one_of("tls", "scram-sha-512", "custom")}),
        "networkPolicyPeers": several(
            fields({"podSelector": SELECTOR, "namespaceSelector": SELECTOR}, "podSelector", "namespaceSelector")
        ),
    }
)
# What Strimzi sets itself must not be set; the rest is Kafka's: text, a number or a truth value each.
_KAFKA_CONFIG = {
    "type": "object",
    "propertyNames": {
        "pattern": "^(?!advertised|authorizer|broker|controller|host|listener|node.id|password|port|process.roles|ssl|sasl|"
        "security|super.user|zookeeper)[a-z.]+$"
    },
    "additionalProperties": {"type": ["string", "integer", "boolean"]},
}
_OPERATOR = fields({"resources": RESOURCES})
KAFKA = fields(
    {
        "kafka": fields(
            {
                "listeners": several(_LISTENER),
                "authorization": fields({"type": one_of("simple", "custom")}),
                "rack": fields({"topologyKey": text()}),
                "config": _KAFKA_CONFIG,
                "template": fields(
                    {
                        "pod": _POD,
                        "kafkaContainer": _CONTAINER,
                        "initContainer": _CONTAINER,
                        "podDisruptionBudget": fields({"maxUnavailable": whole()}),
                    }
                ),
            }
        ),
        "entityOperator": fields(
            {
                "topicOperator": _OPERATOR,
                "userOperator": _OPERATOR,
                "template": fields(
                    {"pod": _POD, "topicOperatorContainer": _CONTAINER, "userOperatorContainer": _CONTAINER}
                ),
            }
        ),
    }
)
NODE_POOL = fields(
    {
        "replicas": whole(),
        "roles": several(one_of("controller", "broker")),
        "storage": fields(
            {
                "type": one_of("jbod"),
                "volumes": several(
                    fields(
                        {
                            "id": whole(),
                            "type": one_of("persistent-claim"),
                            "size": QUANTITY,
                            "class": text(),
                            "deleteClaim": BOOLEAN,
                            "kraftMetadata": one_of("shared"),
                        },
                        "class",
                    )
                ),
            }
        ),
        "resources": RESOURCES,
        "jvmOptions": fields({"-Xms": text("^[0-9]+[mMgG]$"), "-Xmx": text("^[0-9]+[mMgG]$")}),
    }
)
TOPIC = fields(
    {
        "partitions": whole(1),
        "replicas": whole(1, 32767),
        "config": fields(
            {
                "cleanup.policy": one_of("delete", "compact"),
                "retention.ms": whole(1, 2**63 - 1),
                "max.message.bytes": whole(1),
                "min.insync.replicas": whole(1),
            }
        ),
    }
)
_OPERATIONS = (
    "Read", "Write", "Create", "Delete", "Alter", "Describe", "ClusterAction", "AlterConfigs", "DescribeConfigs",
    "IdempotentWrite", "All",
)  # fmt: skip
USER = fields(
    {
        "authentication": fields({"type": one_of("scram-sha-512", "tls", "tls-external")}),
        "authorization": fields(
            {
                "type": one_of("simple"),
                "acls": several(
                    fields(
                        {
                            "resource": fields(
                                {
                                    "type": one_of("topic", "group", "cluster", "transactionalId"),
                                    "name": text(),
                                    "patternType": one_of("literal", "prefix"),
                                }
                            ),
                            "operations": several(one_of(*_OPERATIONS)),
                        }
                    )
                ),
            }
        ),
    }
)
