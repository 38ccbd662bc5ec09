"""`modelward study compare`: finished runs side by side."""

import json
from pathlib import Path
from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(compare)


def compare(
    folders: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of finished runs; the first is held against.", metavar="RUN"
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for comparison.html, .json and .txt.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show several runs side by side, paired where they share their test units."""
    from modelward.report.side_by_side import tell, write
    from modelward.report.text import as_text
    from modelward.simulation.side_by_side import compared

    found = compared(folders)
    if out is not None:
        written = write(found, out)
        for path in (written.html, written.json, written.text):
            typer.echo(path, err=as_json)
    if as_json:
        typer.echo(json.dumps(found.to_object()))
    elif out is None:
        typer.echo(as_text(tell(found)))
