"""Renders a kustomization: exactly those features of kustomize that deploy/k8s uses; any other is refused.

Where kustomize itself is at hand, a test compares the two (tests/unit/deploy/k8s/test_kustomize.py).
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from scripts.k8s.merge import patched

Object = dict[str, Any]

FIELDS = {
    "apiVersion", "kind", "namespace", "resources", "configMapGenerator", "labels", "patches", "images",
}  # fmt: skip
CLUSTER_WIDE = {"Namespace", "PriorityClass"}
OPERATORS = {"kafka.strimzi.io", "keda.sh", "monitoring.coreos.com"}
_GENERATED = "(generated)"


class Unsupported(Exception):  # noqa: N818 - it says what is the matter
    """The kustomization uses what this renderer does not know."""


def render(directory: Path) -> list[Object]:
    """Every object of a kustomization. Raises Unsupported for a feature that it does not know."""
    return _with_hashes(_built(directory.resolve()))


def _built(directory: Path) -> list[Object]:
    kustomization = _one(directory / "kustomization.yaml")
    _only(kustomization, FIELDS, directory)
    objects: list[Object] = []
    for entry in kustomization.get("resources", []):
        path = directory / entry
        objects += _built(path.resolve()) if path.is_dir() else _documents(path)
    _generate(objects, kustomization.get("configMapGenerator", []), directory)
    for entry in kustomization.get("patches", []):
        _patch(objects, entry, directory)
    if namespace := kustomization.get("namespace"):
        for item in objects:
            if item["kind"] not in CLUSTER_WIDE:
                item["metadata"]["namespace"] = namespace
    for entry in kustomization.get("labels", []):
        _label(objects, entry, directory)
    for entry in kustomization.get("images", []):
        _image(objects, entry, directory)
    return objects


def _generate(objects: list[Object], entries: list[Object], directory: Path) -> None:
    for entry in entries:
        _only(entry, {"name", "envs", "files", "behavior"}, directory)
        data = dict(pair for file in entry.get("envs", []) for pair in _variables(directory / file))
        data |= {(directory / file).name: (directory / file).read_text() for file in entry.get("files", [])}
        if entry.get("behavior") == "merge":
            next(item for item in objects if item["metadata"]["name"] == entry["name"] and _GENERATED in item)[
                "data"
            ] |= data
        else:
            objects.append(
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": entry["name"]},
                    "data": data,
                    _GENERATED: True,
                }
            )


def _variables(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield name, value


def _patch(objects: list[Object], entry: Object, directory: Path) -> None:
    _only(entry, {"path", "target"}, directory)
    _only(entry["target"], {"kind", "name", "labelSelector"}, directory)
    patch = _one(directory / entry["path"])
    # The name of a patch for many is a placeholder.
    patch["metadata"] = {key: value for key, value in patch["metadata"].items() if key != "name"}
    chosen = [position for position, item in enumerate(objects) if _chosen(item, entry["target"])]
    if not chosen:
        raise Unsupported(f"{directory}: the patch {entry['path']} is for nothing that is there")
    for position in chosen:
        builtin = objects[position]["apiVersion"].partition("/")[0] not in OPERATORS
        objects[position] = patched(objects[position], patch, builtin=builtin)


def _chosen(item: Object, target: Object) -> bool:
    labels = item["metadata"].get("labels", {})
    name = target.get("name", item["metadata"]["name"])
    selectors = [text for text in target.get("labelSelector", "").split(",") if text]
    return (
        item["kind"] == target["kind"]
        and re.fullmatch(name, item["metadata"]["name"]) is not None
        and all(_selected(labels, selector) for selector in selectors)
    )


def _selected(labels: dict[str, str], selector: str) -> bool:
    label, operator, value = re.split(r"(!=|=|$)", selector, maxsplit=1)
    tests: dict[str, Callable[[], bool]] = {
        "=": lambda: labels.get(label) == value,
        "!=": lambda: labels.get(label) != value,
        "": lambda: label in labels,
    }
    return tests[operator]()


def _label(objects: list[Object], entry: Object, directory: Path) -> None:
    _only(entry, {"pairs", "includeTemplates"}, directory)
    for item in objects:
        places = [item["metadata"]]
        if entry.get("includeTemplates") and isinstance(template := item.get("spec", {}).get("template"), dict):
            places.append(template.setdefault("metadata", {}))
        for place in places:
            place["labels"] = {**place.get("labels", {}), **entry["pairs"]}


def _image(objects: list[Object], entry: Object, directory: Path) -> None:
    _only(entry, {"name", "newName", "newTag", "digest"}, directory)
    suffix = f"@{entry['digest']}" if "digest" in entry else f":{entry['newTag']}"
    name = str(entry.get("newName", entry["name"]))
    for item in objects:
        for container in containers(item):
            if re.split("[:@]", container["image"])[0] == entry["name"]:
                container["image"] = name + suffix


def containers(item: Object) -> list[Object]:
    """The containers of an object, those of its start first; empty if it has none."""
    spec = item.get("spec", {}).get("template", {}).get("spec", {}) if isinstance(item.get("spec"), dict) else {}
    return [*spec.get("initContainers", []), *spec.get("containers", [])]


def _with_hashes(objects: list[Object]) -> list[Object]:
    """Generated ConfigMaps get a hash of their content into their name, and whoever refers to them the new name."""
    names = {}
    for item in objects:
        if item.pop(_GENERATED, False):
            name = item["metadata"]["name"]
            names[name] = item["metadata"]["name"] = f"{name}-{_hash(item)}"
    for item in objects:
        for container in containers(item):
            for source in container.get("envFrom", []):
                reference = source.get("configMapRef", {})
                reference["name"] = names.get(reference["name"], reference["name"])
    return objects


def _hash(item: Object) -> str:
    # As kustomize does it: the name is left empty.
    content = {"data": item["data"], "kind": "ConfigMap", "name": ""}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&":
        # As Go writes JSON.
        text = text.replace(character, f"\\u{ord(character):04x}")
    # Vowels and digits that look like them are left out, lest a word comes out.
    return hashlib.sha256(text.encode()).hexdigest()[:10].translate(str.maketrans("013ae", "ghkmt"))


def _only(mapping: Object, fields: set[str], directory: Path) -> None:
    if unknown := set(mapping) - fields:
        raise Unsupported(f"{directory}: {', '.join(sorted(unknown))}")


def _documents(path: Path) -> list[Object]:
    return [item for item in yaml.safe_load_all(path.read_text()) if item]


def _one(path: Path) -> Object:
    (item,) = _documents(path)
    return item
