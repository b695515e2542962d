"""The stack for one machine, on the command line: `python -m deploy.local {up,down,status,logs,demo}`."""

import runpy
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Collection
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from deploy.local.control import StackFailed
from deploy.local.instance import CACHE
from deploy.local.programs import PARTS
from deploy.local.stack import Stack

DEFAULT = CACHE / "up"
"""The instance of `make up`."""

_TAIL = 40

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, rich_markup_mode=None)

Directory = Annotated[Path, typer.Option(help="Directory of the instance.")]
Parts = Annotated[str, typer.Option(help=f"Comma-separated: {', '.join(PARTS)}. Default: all.")]


@app.command()
def up(directory: Directory = DEFAULT, parts: Parts = "") -> None:
    """Start everything, wait until it is healthy, and write how to reach it (for the default instance: .local/env)."""
    stack = _stack(directory, parts)
    try:
        stack.start()
    except StackFailed as failure:
        print(f"{failure}; {failure.log} ends with:", file=sys.stderr)
        for line in _last_lines(failure.log, _TAIL):
            print(f"  {line}", file=sys.stderr)
        raise typer.Exit(1) from None
    file = _client_environment(directory)
    stack.write_client_environment(file)
    stack.release()
    _print_table(stack)
    print(f"Addresses and keys: set -a; . {file}; set +a")


@app.command()
def down(
    directory: Directory = DEFAULT, *, wipe: Annotated[bool, typer.Option(help="Remove the data, too.")] = False
) -> None:
    """Stop everything; nothing of the instance is left running."""
    stack = _stack(directory)
    stack.stop(wipe=wipe)
    if wipe:
        _client_environment(directory).unlink(missing_ok=True)


@app.command()
def status(directory: Directory = DEFAULT) -> None:
    """Print what runs; exit with 1 unless everything that was started is running and ready."""
    statuses = _print_table(_stack(directory))
    if not statuses or not all(ready for ready in statuses):
        raise typer.Exit(1)


@app.command()
def logs(
    directory: Directory = DEFAULT,
    part: Annotated[str, typer.Option(help="Of one part only, such as api.")] = "",
    lines: Annotated[int, typer.Option(help="How many of the last lines of each.")] = _TAIL,
    *,
    follow: Annotated[bool, typer.Option(help="Go on with what is written from now on.")] = False,
) -> None:
    """Print the last lines of the logs."""
    folder = _stack(directory).instance.logs
    there = sorted(folder.glob("*.log"))
    files = [file for file in there if (file.stem == part if part else file.stat().st_size)]
    if not files:
        names = ", ".join(file.stem for file in there) or "none"
        print(f"no log of {part or 'anything'}; there are: {names}", file=sys.stderr)
        raise typer.Exit(1)
    if follow:
        subprocess.run(["/usr/bin/env", "tail", "-n", str(lines), "-F", *map(str, files)], check=False)
        return
    for file in files:
        if len(files) > 1:
            print(f"==> {file.name} <==")
        print("\n".join(_last_lines(file, lines)))


@app.command()
def demo() -> None:
    """Send real messages through an instance of its own, and show what became of each."""
    runpy.run_module("deploy.local.demo", run_name="__main__")


def main() -> None:
    """Run the command; a request to terminate is treated like Ctrl-C, so that a half-started stack is stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    app()


def _stack(directory: Path, parts: str = "") -> Stack:
    """Return the instance, with all parts or those that are listed."""
    chosen: Collection[str] = [part.strip() for part in parts.split(",") if part.strip()] or PARTS
    try:
        return Stack(directory, chosen, keep=True)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _client_environment(directory: Path) -> Path:
    """Return the file with the addresses and keys of an instance."""
    return CACHE / "env" if directory == DEFAULT else directory / "env"


def _print_table(stack: Stack) -> list[bool]:
    """Print the state of every program, and return for each whether it is ready."""
    statuses = stack.statuses()
    table = Table("program", "state", "pid", "address", "ready")
    for status in statuses:
        colour = "green" if status.ready else "red"
        pid = str(status.pid) if status.pid else "-"
        table.add_row(status.name, status.state, pid, status.address, f"[{colour}]{'yes' if status.ready else 'no'}")
    if statuses:
        # Wide enough for addresses where there is no terminal.
        console = Console()
        (console if console.is_terminal else Console(width=100)).print(table)
    else:
        print("never started: make up")
    return [status.ready for status in statuses]


def _last_lines(file: Path, count: int) -> list[str]:
    """Return the last lines of a log; none where there is no file."""
    try:
        with file.open(errors="replace") as lines:
            return [line.rstrip("\n") for line in deque(lines, maxlen=count)]
    except FileNotFoundError:
        return []


if __name__ == "__main__":
    main()
