"""`octavo top` in a terminal, beside the running stack: what it shows, and how it ends."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.test_whole_path import send_email, send_sms
from tests.integration.transport.conftest import free_port

LINES, COLUMNS = 80, 120
STEERING = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
PICTURE = "\x1b[H"
"""The cursor goes to the top: a new picture begins."""
OCTAVO = Path(sys.executable).with_name("octavo")
# An interrupt byte is a signal only to those whose controlling terminal it comes from. What a shell starts in the background
# ignores that signal, and so would all that it starts.
ON_ITS_TERMINAL = (
    "import fcntl, os, signal, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
)
METRICS = [f"{service}_METRICS_URL" for service in ("API", "PERSISTER", "DISPATCHER", "CALLBACKS")]


class Terminal:
    """What a person has in front of them."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process = process
        self._descriptor = descriptor
        self._read = b""

    def text(self) -> str:
        """All that was written so far."""
        try:
            while some := os.read(self._descriptor, 65536):
                self._read += some
        except OSError:  # nothing more yet, or the other side is closed.
            pass
        return self._read.decode(errors="replace")

    def lines(self) -> list[list[str]]:
        """The words of each line of the last picture that is whole."""
        pictures = self.text().split(PICTURE)[:-1]
        return [STEERING.sub("", line).split() for line in pictures[-1].splitlines()] if pictures else []

    def row(self, *words: str) -> list[str]:
        """The last picture's first line that begins so; empty if there is none."""
        return next((line for line in self.lines() if tuple(line[: len(words)]) == words), [])

    def press(self, key: bytes) -> None:
        os.write(self._descriptor, key)


@contextmanager
def top(addresses: Sequence[str]) -> Iterator[Terminal]:
    """The command, on a terminal of its own."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    os.set_blocking(ours, False)
    kept = {name: value for name, value in os.environ.items() if name not in {"LINES", "COLUMNS", "NO_COLOR"}}
    process = subprocess.Popen(
        [sys.executable, "-c", ON_ITS_TERMINAL, str(OCTAVO), "top", "--every", "0.5", *addresses],
        stdin=its,
        stdout=its,
        stderr=its,
        env=kept | {"TERM": "xterm-256color"},
        start_new_session=True,
    )
    os.close(its)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait(30)
        os.close(ours)


def ended(terminal: Terminal, eventually) -> None:
    """Ctrl-C ends it, and leaves the terminal as it was."""
    terminal.press(b"\x03")

    def over() -> bool:
        # Who does not read keeps the other side from writing its last.
        terminal.text()
        return terminal.process.poll() is not None

    eventually(over)
    assert terminal.process.returncode in {0, 130}, terminal.text()[-2000:]
    assert "Traceback" not in terminal.text()
    assert terminal.text().rindex("\x1b[?1049l") > terminal.text().rindex("\x1b[?1049h")


def flows(row: Sequence[str], *columns: int) -> bool:
    return bool(row) and all(float(row[column].replace(",", "")) > 0 for column in columns)


def test_it_shows_lanes_with_rates_and_providers_until_ctrl_c(account, known, eventually):
    with top([known[name] for name in METRICS]) as terminal:
        seen: set[str] = set()

        def all_seen() -> bool:
            send_sms(account)
            send_email(account)
            lanes = {lane for lane in ("db-sms", "db-email", "send-sms") if flows(terminal.row(lane), 1, 2)}
            # What is sent is spread over providers by weight: any of them shows it.
            providers = {name for name in ("mmg", "firetext", "ses") if flows(terminal.row(name), 1)}
            seen.update(lanes, {"an SMS provider"} if providers & {"mmg", "firetext"} else (), providers & {"ses"})
            return seen == {"db-sms", "db-email", "send-sms", "an SMS provider", "ses"}

        eventually(all_seen, 60, every=0.2)
        assert all(terminal.row(known[name])[1] == "up" for name in METRICS)
        ended(terminal, eventually)


def test_it_says_who_does_not_answer_and_goes_on(account, known, eventually):
    nobody = f"http://127.0.0.1:{free_port()}/metrics"
    with top([known["API_METRICS_URL"], nobody]) as terminal:
        eventually(lambda: terminal.row(nobody, "no", "answer") and terminal.row(known["API_METRICS_URL"], "up"))

        def counted() -> bool:
            send_sms(account)
            return flows(terminal.row("SendSms"), 1)

        eventually(counted, every=0.2)
        assert terminal.row(nobody, "no", "answer")
        ended(terminal, eventually)
