"""The sizes in the manifests follow from docs/capacity.md."""

import re
from pathlib import Path

from octavo.config import DatabaseSettings
from services.api.jobs import parts as jobservice
from services.api.parts import DIRECTORY_CONNECTIONS, LIMIT_CONNECTIONS
from services.persister import jobparts

PAGE = (Path(__file__).parents[4] / "docs/capacity.md").read_text()
MEASURED = {
    name: (int(idle), int(greatest))
    for name, idle, greatest in re.findall(r"^\| `([a-z-]+)` \| (\d+) \| (\d+) \|$", PAGE, re.MULTILINE)
}


def _mebibytes(quantity):
    assert quantity.endswith("Mi")
    return int(quantity.removesuffix("Mi"))


def test_limits_are_between_one_and_a_half_and_three_times_what_was_measured(manifests):
    assert {item["metadata"]["name"] for item in manifests.services()} == {*MEASURED}
    for item in manifests.services():
        idle, greatest = MEASURED[item["metadata"]["name"]]
        (container,) = item["spec"]["template"]["spec"]["containers"]
        assert 1.5 * greatest <= _mebibytes(container["resources"]["limits"]["memory"]) <= 3 * greatest
        assert _mebibytes(container["resources"]["requests"]["memory"]) >= idle


def test_processors_are_not_throttled(manifests):
    for item in manifests.services():
        for container in item["spec"]["template"]["spec"]["containers"]:
            assert "cpu" not in container["resources"]["limits"]


def test_connections_at_the_maxima_are_as_told(production):
    maxima = {
        item["spec"]["scaleTargetRef"]["name"]: item["spec"].get("maxReplicaCount") or item["spec"]["maxReplicas"]
        for item in production.of("ScaledObject", "HorizontalPodAutoscaler")
    }
    pods = {
        item["metadata"]["name"]: maxima.get(item["metadata"]["name"]) or item["spec"]["replicas"]
        for item in production.services()
    }
    pool = DatabaseSettings.model_fields["database_pool"].default
    of_each = dict.fromkeys(pods, pool) | {
        "api": pool + DIRECTORY_CONNECTIONS + LIMIT_CONNECTIONS + jobservice.CONNECTIONS,
        "persister-jobs": jobparts.CONNECTIONS,
        "callbacks-receiver": 0,
    }
    assert f"= {sum(count * of_each[name] for name, count in pods.items())}." in PAGE
