from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from scripts.k8s.kustomize import render

OVERLAYS = Path(__file__).parents[4] / "deploy/k8s/overlays"
_rendered = {overlay: render(OVERLAYS / overlay) for overlay in ("local", "production")}


class Manifests:
    """The objects of an overlay, to look things up in."""

    def __init__(self, objects: list[dict[str, Any]]) -> None:
        self.objects = objects

    def of(self, *kinds: str) -> Iterator[dict[str, Any]]:
        return (item for item in self.objects if item["kind"] in kinds)

    def get(self, kind: str, name: str) -> dict[str, Any]:
        return next(item for item in self.of(kind) if item["metadata"]["name"] == name)

    def services(self) -> list[dict[str, Any]]:
        """The Deployments of Octavo's own services."""
        return [item for item in self.of("Deployment") if "octavo.dev/service" in item["metadata"].get("labels", {})]


@pytest.fixture(params=["local", "production"])
def manifests(request) -> Manifests:
    return Manifests(deepcopy(_rendered[request.param]))


@pytest.fixture
def production() -> Manifests:
    return Manifests(deepcopy(_rendered["production"]))


@pytest.fixture
def local() -> Manifests:
    return Manifests(deepcopy(_rendered["local"]))
