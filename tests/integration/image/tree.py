"""Runs the steps of a Containerfile in plain root trees, where no engine is at hand.

The base is this machine: its system read-only, with the Python of the tests as /usr/local, as in the image of Python.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.integration.image import enter

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc")
OF_THE_NETWORK = re.compile("^(PIP_|UV_|SSL_|REQUESTS_|CURL_)|_proxy$", re.IGNORECASE)
"""Variables that say how this machine reaches its package index."""


@dataclass
class Stage:
    """A root tree, and how processes run in it."""

    tree: Path
    environment: dict[str, str] = field(default_factory=dict)
    directory: str = "/"
    user: int = 0

    def command(self, command: Sequence[str], variables: Mapping[str, str], *, read_only: bool) -> list[str]:
        """What runs a command in the tree."""
        specification = {
            "tree": str(self.tree),
            "binds": _binds(),
            "read_only": read_only,
            "user": self.user,
            "directory": self.directory,
            "environment": {"LD_LIBRARY_PATH": "/usr/local/lib", **self.environment, **variables},
            "command": list(command),
        }
        return ["unshare", "--mount", sys.executable, enter.__file__, json.dumps(specification)]


def possible() -> bool:
    """Whether this user may make mount namespaces and root trees."""
    tools = all(shutil.which(name) for name in ("unshare", "mount"))
    return tools and os.getuid() == 0 and subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0


class Builder:
    """Builds the stages of a Containerfile, each when it is first needed."""

    def __init__(self, containerfile: Path, work: Path) -> None:
        self._context = containerfile.parent
        self._work = work
        self._steps: dict[str, tuple[str, list[list[str]]]] = {}
        self._built: dict[str, Stage] = {}
        for line in containerfile.read_text().replace("\\\n", " ").splitlines():
            if line.strip() and not line.startswith("#"):
                word, rest = line.split(maxsplit=1)
                if word == "FROM":
                    base, _, name = rest.split()
                    self._steps[name] = (base, current := [])
                elif word != "ARG":
                    current.append([word, rest])

    def stage(self, name: str) -> Stage:
        """A stage, built."""
        if name not in self._built:
            base, steps = self._steps[name]
            stage = self._begun(name, base)
            for word, rest in steps:
                getattr(self, f"_{word.lower()}")(stage, rest)
            self._built[name] = stage
        return self._built[name]

    def _begun(self, name: str, base: str) -> Stage:
        tree = self._work / name
        if base in self._steps:
            earlier = self.stage(base)
            shutil.copytree(earlier.tree, tree, symlinks=True)
            return Stage(tree, dict(earlier.environment), earlier.directory)
        for place in ("proc", "tmp", "dev", *(part.lstrip("/") for part in _binds())):
            (tree / place).mkdir(parents=True, exist_ok=True)
        for device in enter.DEVICES:
            (tree / "dev" / device).touch()
        return Stage(tree, {"PATH": "/usr/local/bin:/usr/bin:/bin"})

    def _env(self, stage: Stage, rest: str) -> None:
        stage.environment |= dict(pair.split("=", 1) for pair in shlex.split(rest))

    def _workdir(self, stage: Stage, rest: str) -> None:
        stage.directory = rest
        (stage.tree / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)

    def _user(self, stage: Stage, rest: str) -> None:
        stage.user = int(rest.split(":", maxsplit=1)[0])

    def _copy(self, stage: Stage, rest: str) -> None:
        *sources, target = rest.split()
        root = self._context
        if sources[0].startswith("--from="):
            root = self.stage(sources.pop(0).removeprefix("--from=")).tree
        for source in sources:
            found = root / source.lstrip("/")
            place = stage.tree / os.path.join(stage.directory, target).lstrip("/")  # noqa: PTH118 - target may be absolute
            if found.is_dir():
                ignored = shutil.ignore_patterns("__pycache__") if root == self._context else None
                shutil.copytree(found, place, symlinks=True, ignore=ignored, dirs_exist_ok=True)
            else:
                place = place / found.name if place.is_dir() else place
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(found, place)

    def _run(self, stage: Stage, rest: str) -> None:
        network = {name: value for name, value in os.environ.items() if OF_THE_NETWORK.search(name)}
        command = stage.command(["sh", "-c", rest], network, read_only=False)
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode == 0, f"{rest}\n{done.stdout}{done.stderr}"


def _binds() -> dict[str, str]:
    """Places of the base: outer ones first."""
    binds: dict[str, Any] = {place: place for place in SYSTEM if Path(place).exists()}
    return binds | {"/usr/local": sys.base_prefix}
