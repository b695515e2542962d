"""The renderer says what kustomize says, and refuses what it does not know."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from scripts.k8s.kustomize import Unsupported, render

OVERLAYS = Path(__file__).parents[4] / "deploy/k8s/overlays"


def _by_name(objects):
    return {(item["kind"], item["metadata"]["name"]): item for item in objects}


@pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="kubectl, which has kustomize inside, is not on this machine"
)
@pytest.mark.parametrize("overlay", ["local", "production"])
def test_renders_what_kustomize_renders(overlay):
    done = subprocess.run(
        ["kubectl", "kustomize", str(OVERLAYS / overlay)], capture_output=True, text=True, check=True, timeout=60
    )
    assert _by_name(render(OVERLAYS / overlay)) == _by_name(yaml.safe_load_all(done.stdout))


def _kustomization(directory: Path, **fields: object) -> Path:
    (directory / "kustomization.yaml").write_text(yaml.safe_dump(fields))
    return directory


def test_refuses_what_it_does_not_know(tmp_path):
    with pytest.raises(Unsupported, match="namePrefix"):
        render(_kustomization(tmp_path, namePrefix="my-"))


def test_refuses_a_patch_for_nothing(tmp_path):
    (tmp_path / "patch.yaml").write_text("{apiVersion: apps/v1, kind: Deployment, metadata: {name: any}}")
    patch = {"path": "patch.yaml", "target": {"kind": "Deployment"}}
    with pytest.raises(Unsupported, match="for nothing"):
        render(_kustomization(tmp_path, patches=[patch]))


def test_a_changed_configuration_has_another_name(tmp_path):
    directory = _kustomization(tmp_path, configMapGenerator=[{"name": "settings", "envs": ["settings.env"]}])
    names = set()
    for content in ("# Nothing yet.\n", "A=1\n", "A=2\n"):
        (directory / "settings.env").write_text(content)
        (generated,) = render(directory)
        names.add(generated["metadata"]["name"])
    assert len(names) == 3
