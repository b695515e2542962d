"""Secrets are referenced by the manifests, and made for the overlay for trying alone."""

from pathlib import Path

from scripts.k8s import schemas, secrets

PAGE = Path(__file__).parents[4] / "docs/operations/deploy.md"


def test_each_secret_of_the_overlay_for_trying_is_made(local):
    made = secrets.fresh(local.objects)
    assert {(item["metadata"]["name"], key) for item in made for key in item["stringData"]} == secrets.references(
        local.objects
    )
    assert [fault for item in made for fault in schemas.faults(item)] == []


def test_no_two_installations_have_the_same_keys(local):
    first, second = (
        {item["metadata"]["name"]: item["stringData"] for item in secrets.fresh(local.objects)} for _ in "ab"
    )
    assert first["octavo-sealing"]["keys"] != second["octavo-sealing"]["keys"]
    assert first["octavo-admin"] != second["octavo-admin"]


def test_each_secret_of_production_is_told_to_whoever_installs_it(production):
    told = PAGE.read_text()
    for name, key in secrets.references(production.objects):
        (line,) = [line for line in told.splitlines() if line.startswith(f"| `{name}` |")]
        assert f"`{key}`" in line
