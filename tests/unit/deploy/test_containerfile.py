"""What the Containerfile promises; tests/integration/image runs its steps."""

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
STEPS = [
    line.split(maxsplit=1)
    for line in (ROOT / "Containerfile").read_text().replace("\\\n", " ").splitlines()
    if line.strip() and not line.startswith("#")
]


def _stages():
    stages: dict[str, list[list[str]]] = {}
    for step in STEPS:
        if step[0] == "FROM":
            stages[step[1].split()[-1]] = current = []
        elif stages:
            current.append(step)
    return stages


def test_the_base_can_be_pinned():
    assert STEPS[0][0] == "ARG"
    bases = [rest.split()[0] for word, rest in STEPS if word == "FROM"]
    assert {base for base in bases if base not in _stages()} == {"${BASE}"}


def test_everything_that_is_installed_has_its_hash_checked():
    installs = [rest for word, rest in STEPS if word == "RUN" and ("pip install" in rest or "uv sync" in rest)]
    assert installs
    for step in installs:
        assert "--require-hashes" in step or "--frozen" in step
    assert all(re.search(r"--hash=sha256:|^#|^uv==", line) for line in _lines("scripts/uv.txt"))


def _lines(path):
    return [line.strip() for line in (ROOT / path).read_text().splitlines() if line.strip()]


@pytest.mark.parametrize("stage", ["octavo", "simulator"])
def test_runs_as_nobody_in_particular_and_writes_nothing(stage):
    steps = _stages()[stage]
    assert steps[-1] == ["USER", "10001:10001"]
    # Nothing is installed here: no compiler, no package manager's leavings.
    assert {word for word, _ in steps} <= {"COPY", "ENV", "WORKDIR", "USER"}
    assert any(word == "ENV" and "PYTHONDONTWRITEBYTECODE=1" in rest for word, rest in steps)


def test_the_default_stage_has_the_services_alone():
    assert [*_stages()][-1] == "octavo"
    copied = {rest.split()[0] for word, rest in _stages()["build"] if word == "COPY"}
    assert copied == {"octavo", "services", "scripts/uv.txt", "pyproject.toml"}


def test_what_is_copied_reaches_the_engine():
    allowed = {line[1:] for line in _lines(".dockerignore") if line.startswith("!")}
    copied = {
        source
        for word, rest in STEPS
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    assert copied == allowed
    assert all((ROOT / source).exists() for source in copied)


@pytest.mark.skipif(not (ROOT / ".local/tools/bin/uv").exists(), reason="`make setup` fetches uv; it was not run here")
def test_the_bill_of_materials_has_what_is_installed():
    done = subprocess.run(
        ["make", "--silent", "--no-print-directory", "sbom"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    names = {component["name"] for component in json.loads(done.stdout)["components"]}
    assert {"grpcio", "kafka-python", "sqlalchemy"} <= names
    assert names.isdisjoint({"pytest", "moto", "mypy"})
