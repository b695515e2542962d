"""The configuration of the manifests is one that the services take."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from octavo.config import DatabaseSettings, OpsSettings, Settings
from octavo.domain.notification import NotificationType
from octavo.loading import load
from octavo.messaging.security import ConsumerConnection, KafkaConnection
from octavo.providers.registry import PROVIDERS
from octavo.topics import LANES
from services.api.settings import ApiSettings
from services.callbacks.parts import ROLES
from services.dispatcher.parts import TOPICS
from services.dispatcher.settings import DispatcherSettings
from services.persister.__main__ import chosen
from services.persister.jobparts import JobReaderSettings
from services.persister.parts import JOBS
from services.persister.settings import PersisterSettings
from tests.certificates import Authority

PAGE = Path(__file__).parents[4] / "docs/operations/configuration.md"
MODULES: dict[str, Callable[[list[str]], list[type[Settings]]]] = {
    "octavo.storage": lambda _: [DatabaseSettings],
    "octavo.messaging": lambda _: [KafkaConnection],
    "services.api": lambda _: [ApiSettings],
    "services.persister": lambda arguments: [
        OpsSettings,
        PersisterSettings,
        *([JobReaderSettings] if JOBS in chosen(arguments) else []),
    ],
    "services.dispatcher": lambda arguments: [
        OpsSettings,
        DispatcherSettings,
        *(entry.settings for entry in PROVIDERS.values() if entry.sends is TOPICS[arguments[1]].type),
    ],
    "services.callbacks": lambda arguments: [OpsSettings, ConsumerConnection, ROLES[arguments[1]].settings()],
}
NOT_OURS = {
    "PGSSLMODE",
    "PGSSLROOTCERT",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_EC2_METADATA_DISABLED",
    "OCTAVO_SECRETS_DIR",
}
"""Of libpq, of the AWS SDK, and where the secrets are."""


def _secret(variable):
    known = {
        "DATABASE_URL": "postgresql://octavo:secret@postgres/octavo",
        "OCTAVO_SEALING_KEYS": Fernet.generate_key().decode(),
    }
    return known.get(variable, "of the length that keys must have at least")


def _given(manifests, pod, container):
    """The variables that a container sees, and its secrets by the variable that each is read as."""
    variables: dict[str, str] = {}
    for source in container.get("envFrom", []):
        variables |= manifests.get("ConfigMap", source["configMapRef"]["name"])["data"]
    variables |= {entry["name"]: entry["value"] for entry in container.get("env", [])}
    mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
    secrets = [
        item["path"]
        for volume in pod["volumes"]
        if volume["name"] in mounted
        for source in volume.get("projected", {}).get("sources", [])
        for item in source["secret"]["items"]
    ]
    return variables, secrets


def _mounted(pod, container, variables, kinds):
    """The variables that name a file of a Secret, with that file: it must be mounted there."""
    secrets = {volume["name"]: volume["secret"] for volume in pod["volumes"] if "secret" in volume}
    there = {
        f"{mount['mountPath']}/{item['path']}": item["path"]
        for mount in container["volumeMounts"]
        if mount["name"] in secrets
        for item in secrets[mount["name"]]["items"]
    }
    # The configuration that all share names the authorities of both; a container has those that it needs.
    needed_by = {"OCTAVO_KAFKA_CA_FILE": KafkaConnection, "PGSSLROOTCERT": DatabaseSettings}
    return {
        name: there[value]
        for name, value in variables.items()
        if value.startswith("/run/secrets/") and not value.startswith("/run/secrets/octavo")
        if name not in needed_by or any(issubclass(kind, needed_by[name]) for kind in kinds)
    }


def _containers(manifests):
    for item in manifests.of("Deployment", "Job"):
        if item["metadata"].get("labels", {}).get("app.kubernetes.io/name") == "octavo":
            pod = item["spec"]["template"]["spec"]
            yield from ((pod, container) for container in [*pod.get("initContainers", []), *pod["containers"]])


@pytest.mark.asked("C6")
def test_every_container_is_configured_as_its_program_wants(manifests, monkeypatch, tmp_path):
    authority = Authority()
    certificates = dict(zip(("tls.crt", "tls.key"), authority.vouches_for("api").write(tmp_path), strict=True))
    certificates |= {name: tmp_path / name for name in ("ca.crt", "sns.pem")}
    (tmp_path / "ca.crt").write_bytes(authority.chain)
    checked = 0
    for number, (pod, container) in enumerate(_containers(manifests)):
        variables, secrets = _given(manifests, pod, container)
        folder = tmp_path / str(number)
        folder.mkdir()
        for name in os.environ:
            if name.startswith(("OCTAVO_", "KAFKA_", "DATABASE_")):
                monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        if "OCTAVO_SECRETS_DIR" in variables:
            monkeypatch.setenv("OCTAVO_SECRETS_DIR", str(folder))
        for name in secrets:
            (folder / name).write_text(_secret(name))
        python, option, module, *_ = container["command"]
        kinds = MODULES[module](container.get("args", []))
        for name, file in _mounted(pod, container, variables, kinds).items():
            monkeypatch.setenv(name, str(certificates[file]))
        assert (python, option) == ("python", "-m")
        # It would end with status 78 if a variable were missing or malformed.
        load(*kinds)
        checked += 1
    assert checked > 30


def test_every_variable_is_known_to_the_code(manifests):
    kinds: set[type[Settings]] = {
        OpsSettings,
        DatabaseSettings,
        KafkaConnection,
        ApiSettings,
        PersisterSettings,
        JobReaderSettings,
        DispatcherSettings,
    }
    kinds |= {role.settings() for role in ROLES.values()} | {entry.settings for entry in PROVIDERS.values()}
    known = {
        str(field.validation_alias or f"OCTAVO_{name}").upper()
        for kind in kinds
        for name, field in kind.model_fields.items()
    }
    for pod, container in _containers(manifests):
        variables, secrets = _given(manifests, pod, container)
        assert {*variables, *secrets} - known - NOT_OURS - {"aws-credentials"} == set()


def test_every_variable_is_told_to_whoever_runs_it(manifests):
    told = PAGE.read_text()
    for pod, container in _containers(manifests):
        variables, _ = _given(manifests, pod, container)
        assert {name for name in variables if f"`{name}`" not in told} == set()


def test_emails_are_sent_with_a_configuration_set_from_which_receipts_come(production):
    for lane in LANES:
        if lane.type is NotificationType.EMAIL:
            pod = production.get("Deployment", f"dispatcher-{lane.send.name}")["spec"]["template"]["spec"]
            variables, _ = _given(production, pod, pod["containers"][0])
            assert variables["OCTAVO_SES_CONFIGURATION_SET"]


def _secrets_by_name(manifests):
    return {
        item["metadata"]["name"]: {source["secret"]["name"] for volume in pod["volumes"] for source in _sources(volume)}
        for item in manifests.services()
        for pod in [item["spec"]["template"]["spec"]]
    }


def _sources(volume):
    return volume.get("projected", {}).get("sources", [])


def test_who_has_which_secrets(manifests):
    holders: dict[str, set[str]] = {}
    for name, secrets in _secrets_by_name(manifests).items():
        for secret in secrets:
            holders.setdefault(secret, set()).add(name)
    dispatchers = {f"dispatcher-{lane.send.name}": lane.type for lane in LANES}
    sms = {name for name, kind in dispatchers.items() if kind is NotificationType.SMS}
    assert holders["octavo-sms-providers"] == sms
    assert holders["octavo-aws"] == {*dispatchers} - sms
    # Only who seals or opens has the keys.
    assert holders["octavo-sealing"] == {"api", "persister-jobs", *dispatchers}
    assert holders["octavo-admin"] == {"api"}
    assert holders["octavo-receipts"] == holders["octavo-sns"] == {"callbacks-receiver"}
    assert "callbacks-receiver" not in holders["octavo-database"]


def test_ports_are_those_of_the_configuration(manifests):
    for item in manifests.services():
        pod = item["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        variables, _ = _given(manifests, pod, container)
        ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
        assert ports["ops"] == variables["OCTAVO_OPS_PORT"]
        if "grpc" in ports:
            assert ports["grpc"] == variables["OCTAVO_API_PORT"]
            assert ports["health"] == variables["OCTAVO_HEALTH_PORT"]
            assert str(container["readinessProbe"]["grpc"]["port"]) == ports["health"]
        if "receipts" in ports:
            assert ports["receipts"] == variables["OCTAVO_RECEIPTS_PORT"]
