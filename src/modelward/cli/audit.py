"""`modelward study audit`: what training gives away, tried out on a finished run."""

import json
from pathlib import Path
from typing import Annotated

import typer

Canaries = Annotated[int, typer.Option(min=20, help="Invented units whose coins are tossed.")]
Seed = Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")]
RunDir = Annotated[Path, typer.Argument(help="Folder of a finished run.", metavar="RUN")]


def audit(
    folder: RunDir,
    site: Annotated[str | None, typer.Option(help="Which site; the largest if absent.")] = None,
    canaries: Canaries = 200,
    seed: Seed = 0,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")
    ] = False,
) -> None:
    """Audit one site's training with canaries, and put a leakage card into the report."""
    from modelward.simulation.leakage_card import audit_run, require_honest, to_json

    chosen, words, found = audit_run(folder, site=site, canaries=canaries, seed=seed)
    said = {"site": chosen, **to_json(found)}
    typer.echo(json.dumps(said) if as_json else words.replace(". ", ".\n"))
    require_honest(found)


def add_to(app: typer.Typer) -> None:
    """Add `audit` to `modelward study`."""
    app.command()(audit)
