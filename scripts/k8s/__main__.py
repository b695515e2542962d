"""`python -m scripts.k8s`: prints the manifests of an overlay, looks for faults in all of them, makes Secrets for trying."""

import argparse
import sys
from pathlib import Path

import yaml

from scripts.k8s import operators, rules, schemas, secrets
from scripts.k8s.kustomize import render

MANIFESTS = Path(__file__).parents[2] / "deploy/k8s"
OVERLAYS = MANIFESTS / "overlays"
OPTIONAL = (MANIFESTS / "telemetry",)
"""What no overlay has unless somebody adds it."""


def check() -> int:
    """Names every fault; 1 if there is one."""
    found = 0
    for overlay in (*sorted(OVERLAYS.iterdir()), *OPTIONAL):
        objects = render(overlay)
        faults = [
            f"{overlay.name}: {item['kind']} {item['metadata']['name']}: {fault}"
            for item in objects
            for fault in (*schemas.faults(item), *rules.faults(item))
        ]
        faults += [f"{overlay.name}: {fault}" for fault in rules.faults_together(objects)]
        for fault in faults:
            sys.stderr.write(fault + "\n")
        custom = sum(item["kind"] in operators.SPECIFICATIONS.get(item["apiVersion"], ()) for item in objects)
        print(f"{overlay.name}: {len(objects)} objects, {custom} of operators' kinds, {len(faults)} faults")
        found += len(faults)
    return 1 if found else 0


def main() -> int:
    """Does what the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m scripts.k8s", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    rendering = commands.add_parser("render", help="print the manifests of an overlay")
    rendering.add_argument("overlay", choices=sorted(path.name for path in OVERLAYS.iterdir()))
    commands.add_parser("check", help="look for faults in every overlay")
    commands.add_parser("secrets", help="print fresh Secrets for the overlay `local`")
    arguments = parser.parse_args()
    if arguments.command == "check":
        return check()
    if arguments.command == "secrets":
        sys.stdout.write(yaml.safe_dump_all(secrets.fresh(render(OVERLAYS / "local")), sort_keys=False))
        return 0
    sys.stdout.write(yaml.safe_dump_all(render(OVERLAYS / arguments.overlay), sort_keys=False))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
