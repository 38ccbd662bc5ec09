"""`modelward doctor`: what stands in a node's way, said before it does."""

import json
from pathlib import Path
from typing import Annotated

import typer


def doctor(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Folder of a hub or site; only the machine if absent."),
    ] = None,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")
    ] = False,
) -> None:
    """Look at everything a node needs; exit code 1 if something is missing."""
    import os
    from dataclasses import asdict
    from datetime import UTC, datetime

    from modelward.doctor.examine import examine

    found = examine(folder, lambda: datetime.now(UTC), os.environ)
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in found]))
    else:
        wide = max(len(check.name) for check in found) + 2
        for check in found:
            typer.echo(f"{check.state:<9}{check.name:<{wide}}{check.says}")
            if check.why:
                typer.echo(f"{'':<9}because {check.why}\n{'':<9}try     {check.remedy}")
    if any(check.state == "failed" for check in found):
        raise typer.Exit(1)
