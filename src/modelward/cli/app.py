"""The `modelward` command. Commands parse, call one library function, print.

Nothing heavy is imported here: `modelward --help` answers at once, and each command imports
what it needs when it runs. This is also the one place where errors become exit codes.
"""

import signal
import sys
from importlib.metadata import version
from threading import Event
from types import FrameType
from typing import Annotated, NoReturn

import typer

from modelward.cli import (
    data,
    demo,
    doctor,
    exchange,
    hub,
    ledger,
    model,
    recipes,
    site,
    study,
)
from modelward.errors import ModelwardError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(data.app, name="data")
app.add_typer(study.app, name="study")
app.add_typer(model.app, name="model")
app.add_typer(ledger.app, name="ledger")
app.add_typer(hub.app, name="hub")
app.add_typer(site.app, name="site")
app.add_typer(exchange.app, name="exchange")
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("recipes")(recipes.recipes)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - the signature of a typer callback
    if wanted:
        typer.echo(version("modelward"))
        raise typer.Exit


@app.callback()
def root(
    _: Annotated[  # noqa: FBT002 - the signature of a typer option
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show version."),
    ] = False,
) -> None:
    """Hospitals learn together without moving patient records."""


class Interrupted(BaseException):
    """Ctrl-C; not a KeyboardInterrupt, which typer would turn into a bare 'Aborted!'."""


_ASKED = Event()
"""Set once Ctrl-C was pressed."""


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    _ASKED.set()
    raise Interrupted


def main() -> None:
    """Run the command line."""
    signal.signal(signal.SIGINT, _interrupt)
    try:
        app(standalone_mode=True)
    except Interrupted:
        _stop()
    except ModelwardError as error:
        typer.echo(error.explain(), err=True)
        sys.exit(error.exit_code)
    except Exception:
        if not _ASKED.is_set():
            raise
        _stop()  # libraries in other languages make an error of their own of it (pydantic does)


def _stop() -> NoReturn:
    typer.echo(
        "interrupted; finished rounds are kept: the same command goes on there", err=True
    )
    sys.exit(130)
