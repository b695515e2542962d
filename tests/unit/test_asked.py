"""Every row of docs/asked.md is checked by a test that names it."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED_PACKAGES = {
    "grpcio", "protobuf", "sqlalchemy", "psycopg2", "kafka-python", "boto3", "prometheus-client", "cryptography",
}  # fmt: skip
NAMED_FOLDERS = [
    "protos", "services/api", "services/persister", "services/dispatcher", "services/callbacks", "deploy/k8s", "tests",
]  # fmt: skip


def test_every_row_has_a_test_that_names_it():
    rows = set(re.findall(r"^\| ([SC]\d+) \|", (ROOT / "docs/asked.md").read_text(), flags=re.MULTILINE))
    named: set[str] = set()
    for path in (ROOT / "tests").rglob("*.py"):
        for call in re.findall(r"asked\(([^)]*)\)", path.read_text()):
            named |= set(re.findall(r"\"([SC]\d+)\"", call))
    assert len(rows) == 27
    assert sorted(rows - named) == []
    assert sorted(named - rows) == []


@pytest.mark.asked("C8")
def test_the_named_packages_are_dependencies():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    names = {re.split(r"[\[>=<]", item)[0].removesuffix("-binary") for item in project["project"]["dependencies"]}
    assert names >= NAMED_PACKAGES
    development = {re.split(r"[\[>=<]", item)[0] for item in project["dependency-groups"]["dev"]}
    assert development >= {"pytest", "grpcio-tools"}


@pytest.mark.asked("C9")
@pytest.mark.parametrize("folder", NAMED_FOLDERS)
def test_the_named_folders_are_there(folder):
    assert any((ROOT / folder).iterdir())


@pytest.mark.asked("C10")
def test_two_commands_are_enough():
    makefile = (ROOT / "Makefile").read_text()
    for target in ("demo", "test"):
        # Each depends on the set-up, so that nothing has to be done before it.
        assert re.search(rf"^{target}: \$\(READY\)", makefile, flags=re.MULTILINE)
    readme = (ROOT / "README.md").read_text()
    assert "make demo" in readme
    assert "make test" in readme
