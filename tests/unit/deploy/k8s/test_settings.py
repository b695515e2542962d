"""The configuration of the manifests is one that the services take."""

import os
from collections.abc import Callable

import pytest
from cryptography.fernet import Fernet

from octavo.config import DatabaseSettings, OpsSettings, Settings, load
from octavo.messaging.security import KafkaConnection
from octavo.providers.registry import PROVIDERS
from services.api.settings import ApiSettings
from services.callbacks.parts import ROLES
from services.dispatcher.parts import TOPICS
from services.dispatcher.settings import DispatcherSettings
from services.persister.settings import PersisterSettings

MODULES: dict[str, Callable[[list[str]], list[type[Settings]]]] = {
    "octavo.storage": lambda _: [DatabaseSettings],
    "octavo.messaging": lambda _: [KafkaConnection],
    "services.api": lambda _: [ApiSettings],
    "services.persister": lambda _: [OpsSettings, PersisterSettings],
    "services.dispatcher": lambda arguments: [
        OpsSettings,
        DispatcherSettings,
        *(entry.settings for entry in PROVIDERS.values() if entry.sends is TOPICS[arguments[1]].type),
    ],
    "services.callbacks": lambda arguments: [OpsSettings, KafkaConnection, ROLES[arguments[1]].settings],
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


def _containers(manifests):
    for item in manifests.of("Deployment", "Job"):
        if item["metadata"].get("labels", {}).get("app.kubernetes.io/name") == "octavo":
            pod = item["spec"]["template"]["spec"]
            yield from ((pod, container) for container in [*pod.get("initContainers", []), *pod["containers"]])


@pytest.mark.asked("C6")
def test_every_container_is_configured_as_its_program_wants(manifests, monkeypatch, tmp_path):
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
        assert (python, option) == ("python", "-m")
        # It would end with status 78 if a variable were missing or malformed.
        load(*MODULES[module](container.get("args", [])))
        checked += 1
    assert checked > 30


def test_every_variable_is_known_to_the_code(manifests):
    kinds: set[type[Settings]] = {
        OpsSettings,
        DatabaseSettings,
        KafkaConnection,
        ApiSettings,
        PersisterSettings,
        DispatcherSettings,
    }
    kinds |= {role.settings for role in ROLES.values()} | {entry.settings for entry in PROVIDERS.values()}
    known = {
        str(field.validation_alias or f"OCTAVO_{name}").upper()
        for kind in kinds
        for name, field in kind.model_fields.items()
    }
    for pod, container in _containers(manifests):
        variables, secrets = _given(manifests, pod, container)
        assert {*variables, *secrets} - known - NOT_OURS - {"aws-credentials"} == set()


def test_who_sends_sms_has_no_credentials_of_email(manifests):
    for item in manifests.services():
        pod = item["spec"]["template"]["spec"]
        _, secrets = _given(manifests, pod, pod["containers"][0])
        kind = item["metadata"]["labels"].get("octavo.dev/type")
        assert ("aws-credentials" in secrets) == (kind == "email")
        assert ("OCTAVO_MMG_PASSWORD" in secrets) == (kind == "sms")


def test_only_who_seals_or_opens_has_the_keys(manifests):
    for item in manifests.services():
        pod = item["spec"]["template"]["spec"]
        _, secrets = _given(manifests, pod, pod["containers"][0])
        assert ("OCTAVO_SEALING_KEYS" in secrets) == (
            item["metadata"]["labels"]["octavo.dev/service"] in {"api", "dispatcher"}
        )


def test_ports_are_those_of_the_configuration(manifests):
    for item in manifests.services():
        pod = item["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        variables, _ = _given(manifests, pod, container)
        ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
        assert ports["ops"] == variables["OCTAVO_OPS_PORT"]
        if "grpc" in ports:
            assert ports["grpc"] == variables["OCTAVO_API_PORT"]
        if "receipts" in ports:
            assert ports["receipts"] == variables["OCTAVO_RECEIPTS_PORT"]
