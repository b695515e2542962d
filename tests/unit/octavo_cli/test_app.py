"""What the command line answers without asking Octavo."""

import tomllib
from pathlib import Path

from typer.testing import CliRunner

from octavo_cli.app import app

ROOT = Path(__file__).resolve().parents[3]


def test_tells_its_version():
    done = CliRunner().invoke(app, ["--version"])
    released = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert (done.exit_code, done.stdout) == (0, f"octavo {released}\n")
