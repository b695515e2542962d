"""Runs a command in a root tree, in a mount namespace of its own: `unshare --mount python enter.py SPECIFICATION`.

The specification is JSON: tree, binds ({place in the tree: place outside}), read_only, user, directory, environment, command.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

DEVICES = ("null", "zero", "urandom", "random")


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def main() -> None:
    specification = json.loads(sys.argv[1])
    tree = Path(specification["tree"])
    mount("--make-rprivate", "/")
    mount("--bind", str(tree), str(tree))
    for place, outside in specification["binds"].items():
        target = tree / place.lstrip("/")
        mount("--bind", outside, str(target))
        mount("-o", "remount,bind,ro", str(target))
    for name in DEVICES:
        mount("--bind", f"/dev/{name}", str(tree / "dev" / name))
    mount("-t", "proc", "proc", str(tree / "proc"))
    mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", str(tree / "tmp"))
    if specification["read_only"]:
        mount("-o", "remount,bind,ro", str(tree))
    os.chroot(tree)
    os.chdir(specification["directory"])
    if user := specification["user"]:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    command = specification["command"]
    environment = specification["environment"]
    os.execvpe(command[0], command, environment)


if __name__ == "__main__":
    main()
