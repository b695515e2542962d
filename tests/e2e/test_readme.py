"""The commands of the README, and of the page that ends with a first message, run as they stand there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.instance import ROOT

PAGES = "".join((ROOT / page).read_text() for page in ("README.md", "docs/operations/deploy.md"))
BLOCKS = dict(re.findall(r"^```sh ([\w-]+)\n(.*?)^```$", PAGES, re.MULTILINE | re.DOTALL))


def run(script: str, known: dict[str, str]) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **known, "PATH": path, "NO_COLOR": "1"}
    command = ["bash", "-euo", "pipefail", "-x", "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_walk_through_leads_from_an_empty_system_to_a_delivered_message(known):
    printed = run(BLOCKS["walk-through"] + 'echo "the id is $ID"', known)
    notification_id = printed.rsplit("the id is ", 1)[1].strip()
    listed = printed.split("the id is")[0]
    assert "Your permit A17 is ready." in listed
    assert "delivered" in listed
    assert listed.count(notification_id) >= 2


def test_a_new_installation_comes_to_its_first_message(known):
    environment = {name: known[name] for name in ("OCTAVO_ADDRESS", "OCTAVO_ADMIN_KEY")}
    # Names of services are unique, and this stack is not quite new.
    block = BLOCKS["first-message"].replace('"Parking"', '"Parking of the first message"')
    printed = run(block, environment | {"OCTAVO_API_KEY": ""})
    assert "delivered" in printed
    assert "Your permit A17 is ready." in printed


@pytest.mark.skipif(shutil.which("grpcurl") is None, reason="grpcurl is not on this machine")
def test_a_stock_client_sends_and_gets(known):
    printed = run(BLOCKS["walk-through"] + BLOCKS["grpcurl"], known)
    assert "Your permit A18 is ready." in printed
    assert "Your permit A17 is ready." in printed.rsplit("A18", 1)[1]


def test_what_a_stock_client_is_shown_with_was_set_before(known):
    """Where there is no grpcurl, too: the block uses what the walk-through has set, and the stack's environment."""
    used = set(re.findall(r"\$(\w+)", BLOCKS["grpcurl"]))
    made = set(re.findall(r"(?:^|export )(\w+)=", BLOCKS["walk-through"], re.MULTILINE))
    assert used - made == {"OCTAVO_ADDRESS"}
    assert "OCTAVO_ADDRESS" in known
