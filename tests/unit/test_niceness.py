"""Yielding to others, in a process of its own: what is given away can't be taken back."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

AUTOGROUP = Path("/proc/self/autogroup")
PROGRAM = """
import os, pathlib
from octavo.niceness import be_nice
be_nice({niceness})
group = pathlib.Path("/proc/self/autogroup")
print(os.nice(0), *(group.read_text().split()[-1:] if group.exists() else ()))
"""


def after(niceness: int, *, leads: bool) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(niceness=niceness)],
        start_new_session=leads,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_a_process_yields():
    assert after(7, leads=True)[0] == str(os.nice(0) + 7)
    assert after(0, leads=True)[0] == str(os.nice(0))


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel does not group processes by sessions")
def test_a_session_yields_with_the_process_that_leads_it_and_with_no_other():
    if not after(0, leads=True)[1:]:
        pytest.skip("not even a new session has a group here")
    # The first session of a machine has none: then its file is empty.
    ours = AUTOGROUP.read_text().split()[-1:]
    assert after(7, leads=True)[1:] == ["7"]
    assert after(7, leads=False)[1:] == ours
    assert AUTOGROUP.read_text().split()[-1:] == ours
