"""The commands, put together, and what happens when one fails."""

from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from octavo_cli import jobs, keys, notifications, sending, services, templates, top
from octavo_cli.configuration import ConfigurationError
from octavo_cli.failures import Exit, remark, report
from octavo_cli.session import hint_of, wants_json
from octavo_client import OctavoError

_EPILOG = (
    "Address and keys come from OCTAVO_ADDRESS, OCTAVO_API_KEY and OCTAVO_ADMIN_KEY, or ~/.config/octavo/config.toml."
)


class Commands(TyperGroup):
    """Turns failures of commands into a message and an exit status."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command that was asked for."""
        try:
            return super().invoke(ctx)
        except (OctavoError, ConfigurationError) as error:
            raise typer.Exit(report(error, as_json=wants_json(ctx), hint=hint_of(ctx, error))) from None
        except BrokenPipeError:
            # The reader, such as `head`, has seen enough; typer knows how to end then.
            raise
        except OSError as error:
            raise typer.Exit(report(error, as_json=wants_json(ctx), hint=hint_of(ctx, error))) from None
        except KeyboardInterrupt as interrupt:
            if advice := hint_of(ctx, interrupt):
                remark(advice)
            raise typer.Exit(Exit.INTERRUPTED) from None


app = typer.Typer(
    name="octavo",
    cls=Commands,
    help="Sends email and SMS through Octavo, and shows what became of them.",
    epilog=_EPILOG,
    no_args_is_help=True,
    # A traceback that shows local variables shows keys and recipients.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"octavo {version('octavo')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version, and end.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    """What stands before a command."""


app.add_typer(sending.app, name="send")
notifications.add_to(app)
app.command("top")(top.top)
app.add_typer(jobs.app, name="job")
app.add_typer(templates.app, name="template")
app.add_typer(services.app, name="service")
app.add_typer(services.guests, name="guest")
app.add_typer(keys.app, name="key")
