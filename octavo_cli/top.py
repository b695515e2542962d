"""`octavo top`: lanes, rates, ages, retries and providers, live in a terminal, from the metrics of the processes."""

import os
import time
from typing import Annotated

import typer
from rich.live import Live

from octavo_cli import output, scraping
from octavo_cli.configuration import ConfigurationError
from octavo_cli.failures import Exit
from octavo_cli.screen import screen

VARIABLE = "OCTAVO_METRICS_URLS"

Addresses = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[URL]...",
        help=f"The metrics of each process, as http://host:9100/metrics; or {VARIABLE}, commas between.",
    ),
]
Every = Annotated[float, typer.Option("--every", metavar="SECONDS", min=0.5, help="How often to look.")]
Once = Annotated[
    bool, typer.Option("--once", help="Look once, over one interval, and end. So it is without a terminal, too.")
]


def top(urls: Addresses = None, *, every: Every = 2.0, once: Once = False) -> None:
    """Show live what Octavo does: lanes, rates, ages, retries, providers. Ctrl-C ends it."""
    addresses = urls or os.environ.get(VARIABLE, "").replace(",", " ").split()
    if not addresses:
        raise ConfigurationError(f"set {VARIABLE}, or give addresses, to where the processes tell their metrics")
    if wrong := [address for address in addresses if not address.startswith(("http://", "https://"))]:
        raise typer.BadParameter(f"{wrong[0]} is no http:// or https:// address")
    console = output.terminal()
    before = scraping.read(addresses, time.monotonic)
    if once or not console.is_terminal:
        time.sleep(every)
        now = scraping.read(addresses, time.monotonic)
        console.print(screen(scraping.Change(before, now)))
        if not any(now.processes.values()):
            raise typer.Exit(Exit.TRY_AGAIN)
        return
    with Live(console=console, screen=True, auto_refresh=False) as live:
        live.update("looking …", refresh=True)
        while True:
            time.sleep(every)
            now = scraping.read(addresses, time.monotonic)
            live.update(screen(scraping.Change(before, now), console.height), refresh=True)
            before = now
