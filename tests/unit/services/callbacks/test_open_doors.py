"""Whose receipts are taken: what is needed for them, and for them alone."""

from typing import Any

import pytest

from octavo.loading import EXIT_MISCONFIGURED
from services.callbacks.__main__ import main
from services.callbacks.entrances import ENTRANCES
from services.callbacks.parts import doors
from services.callbacks.settings import settings_with

GIVEN: dict[str, dict[str, Any]] = {
    "mmg": {"mmg_receipt_token": "m" * 16},
    "firetext": {"firetext_receipt_token": "f" * 16},
    "ses": {"aws_region": "eu-west-1", "sns_topic_arns": "arn:aws:sns:eu-west-1:123456789012:receipts"},
}


def test_every_provider_has_a_door_unless_told_otherwise():
    everything = {name: value for given in GIVEN.values() for name, value in given.items()}
    made = doors(settings_with([*ENTRANCES])(**everything))
    assert [door.name for door in made] == ["mmg", "firetext", "ses"]


@pytest.mark.parametrize("name", ENTRANCES)
def test_a_door_needs_its_own_settings_alone(name):
    [door] = doors(settings_with([name])(receipts_from=f" {name}, {name}", **GIVEN[name]))
    assert door.name == name


@pytest.mark.parametrize(
    ("told", "missing"),
    [
        ("mmg", ["KAFKA_BOOTSTRAP", "OCTAVO_MMG_RECEIPT_TOKEN"]),
        (
            "ses,firetext",
            ["KAFKA_BOOTSTRAP", "OCTAVO_AWS_REGION", "OCTAVO_FIRETEXT_RECEIPT_TOKEN", "OCTAVO_SNS_TOPIC_ARNS"],
        ),
        ("mmg,nobody", ["KAFKA_BOOTSTRAP", "OCTAVO_RECEIPTS_FROM"]),
        ("", ["KAFKA_BOOTSTRAP", "OCTAVO_RECEIPTS_FROM"]),
    ],
)
def test_what_is_missing_is_reported_for_open_doors_alone(monkeypatch, capsys, told, missing):
    for name in ("KAFKA_BOOTSTRAP", "OCTAVO_SECRETS_DIR", "OCTAVO_AWS_REGION", "OCTAVO_SNS_TOPIC_ARNS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("OCTAVO_MMG_RECEIPT_TOKEN", "OCTAVO_FIRETEXT_RECEIPT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OCTAVO_RECEIPTS_FROM", told)
    with pytest.raises(SystemExit) as ended:
        main(["--roles", "receiver"])
    assert ended.value.code == EXIT_MISCONFIGURED
    faults = [line.removeprefix("  - ").partition(":")[0] for line in capsys.readouterr().err.splitlines()[1:]]
    assert faults == missing
