"""Objects against the schemas of Kubernetes, or ours of what operators bring, strictly: an unknown field is a fault."""

from collections.abc import Iterator
from typing import Any

import kubernetes_validate

from scripts.k8s import operators

VERSION = "1.34"


def faults(item: dict[str, Any]) -> Iterator[str]:
    """What is wrong with an object."""
    if item["kind"] in operators.SPECIFICATIONS.get(item["apiVersion"], ()):
        yield from operators.faults(item)
        return
    try:
        kubernetes_validate.validate(item, VERSION, strict=True)
    except kubernetes_validate.SchemaNotFoundError:
        yield f"Kubernetes {VERSION} has no {item['kind']} of {item['apiVersion']}"
    except kubernetes_validate.ValidationError as error:
        yield f"{'.'.join(map(str, error.path))}: {error.message}"
