"""Stop the whole instance when its owner is gone: `python -m deploy.local.watchdog OWNER_PID`.

A test run or a demo owns its instance. Should it be killed, nothing may stay behind: this program, one of the instance,
waits for the owner's end and then tells the program manager, its parent, to stop everything.
"""

import os
import select
import signal
import sys
import time

from deploy.local.processes import alive


def wait_for_end(pid: int) -> None:
    """Return when the process has ended."""
    if sys.platform != "linux":
        while alive(pid):
            time.sleep(1)
        return
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    poll.poll()


def main() -> None:
    """Wait for the owner, then stop the instance."""
    manager = os.getppid()
    wait_for_end(int(sys.argv[1]))
    os.kill(manager, signal.SIGTERM)
    # The manager stops this program too; ending before that would look like a failure and be repeated.
    signal.pause()


if __name__ == "__main__":
    main()
