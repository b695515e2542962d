"""Patches: strategic merge, as far as deploy/k8s uses it."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "ports": ("containerPort",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
"""Lists whose items are merged by these fields; any other list of a patch takes the place of what was there."""


def patched(object_: Mapping[str, Any], patch: Mapping[str, Any], *, builtin: bool) -> dict[str, Any]:
    """The object with a patch applied. Lists of kinds that Kubernetes does not have itself are never merged."""
    return _merged(object_, {key: value for key, value in patch.items() if key not in {"apiVersion", "kind"}}, builtin)


def _merged(old: Mapping[str, Any], new: Mapping[str, Any], builtin: bool) -> dict[str, Any]:
    result = dict(old)
    for key, value in new.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            there = result.get(key)
            result[key] = _merged(there if isinstance(there, Mapping) else {}, value, builtin)
        elif builtin and key in KEYS and isinstance(result.get(key), list):
            result[key] = _merged_list(result[key], value, KEYS[key])
        else:
            result[key] = deepcopy(value)
    return result


def _merged_list(old: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]], keys: Sequence[str]) -> list[Any]:
    """What the patch names comes first, in its order, as kustomize has it."""
    rest = {tuple(item.get(key) for key in keys): item for item in old}
    named = [_merged(rest.pop(tuple(item.get(key) for key in keys), {}), item, builtin=True) for item in new]
    return [*named, *rest.values()]
