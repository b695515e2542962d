"""The Secrets of the overlay for trying, with fresh values. Production has its own ways to make Secrets."""

import secrets
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from deploy.local.instance import Instance
from scripts.k8s.kustomize import containers

Object = dict[str, Any]


def references(objects: Iterable[Object]) -> set[tuple[str, str]]:
    """Every Secret and key that pods refer to."""
    found: set[tuple[str, str]] = set()
    for item in objects:
        if containers(item):
            for volume in item["spec"]["template"]["spec"].get("volumes", []):
                sources = [source["secret"] for source in volume.get("projected", {}).get("sources", [])]
                found |= {(source["name"], key["key"]) for source in sources for key in source["items"]}
                if (secret := volume.get("secret")) is not None:
                    found |= {(secret["secretName"], key["key"]) for key in secret["items"]}
            for container in containers(item):
                chosen = [
                    entry["valueFrom"]["secretKeyRef"] for entry in container.get("env", []) if "valueFrom" in entry
                ]
                found |= {(reference["name"], reference["key"]) for reference in chosen}
    return found


def fresh(objects: Iterable[Object]) -> list[Object]:
    """A Secret for each that the objects refer to. Raises KeyError for a key that it can't make."""
    values = _values()
    made: dict[str, dict[str, str]] = {}
    for name, key in sorted(references(objects)):
        made.setdefault(name, {})[key] = values[name][key]
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "octavo"}, "stringData": data}
        for name, data in made.items()
    ]


def _values() -> Mapping[str, Mapping[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        instance = Instance(Path(folder) / "instance")
        instance.prepare()
        made = instance.secrets
        certificate = {"sns.key": instance.sns_key.read_text(), "sns.pem": instance.sns_certificate.read_text()}
    aws = {
        "credentials": f"[default]\naws_access_key_id = {made['aws_access_key_id']}\n"
        f"aws_secret_access_key = {made['aws_secret_access_key']}\n"
    }
    password = made["database_password"]
    # The broker of this overlay asks for none; the pods have one all the same, as in production.
    of_kafka = {f"octavo-{service}": {"password": secrets.token_urlsafe(24)} for service in _USERS}
    return {
        **of_kafka,
        "octavo-database": {"url": f"postgresql://octavo:{password}@postgres:5432/octavo", "password": password},
        "octavo-sealing": {"keys": made["sealing_keys"], "hash-key": made["hash_key"]},
        "octavo-admin": {"key": made["admin_key"]},
        "octavo-sms-providers": {
            "mmg-username": made["mmg_username"],
            "mmg-password": made["mmg_password"],
            "firetext-api-key": made["firetext_api_key"],
        },
        "octavo-receipts": {
            "mmg-token": made["mmg_receipt_token"],
            "firetext-token": made["firetext_receipt_token"],
        },
        "octavo-aws": aws,
        "octavo-s3": aws,
        "octavo-sns": aws,
        "octavo-simulator": certificate,
    }


_USERS = ("api", "persister", "watch", "dispatcher", "callbacks")
