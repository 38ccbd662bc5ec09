"""`modelward demo`: two real studies on this machine, from data to report."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Which(StrEnum):
    """The studies of the demo."""

    HEART = "heart-disease"
    PNEUMONIA = "pneumonia-cxr"


class Wire(StrEnum):
    """How hub and sites talk."""

    INPROCESS = "inprocess"
    JETSTREAM = "jetstream"


def demo(
    *,
    only: Annotated[Which | None, typer.Option(help="Run one of the two.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for runs and reports.")] = Path(
        "modelward-demo"
    ),
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes; one per core if absent.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of dealing and training.")] = 0,
    wire: Annotated[
        Wire,
        typer.Option(help="jetstream: hub, server and sites as processes over mutual TLS."),
    ] = Wire.INPROCESS,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else on stdout.")
    ] = False,
) -> None:
    """Four real hospitals and a chest X-ray consortium learn together."""
    from modelward.cli.progress import watching
    from modelward.cli.tables import as_object, summary, wire_figures
    from modelward.simulation.demo import demonstration
    from modelward.simulation.simulate import simulate

    names = [only.value] if only else [which.value for which in Which]
    results = []
    for name in names:
        folder = out / (f"{name}-seed-{seed}" if seed else name)
        request = demonstration(name, folder, seed=seed, workers=workers, wire=wire.value)
        with watching(quiet=as_json) as watch:
            results.append(simulate(request, watch))
        if not as_json:
            typer.echo(summary(results[-1]))
    if as_json:
        told = {"studies": [as_object(result) for result in results], **wire_figures(results)}
        typer.echo(json.dumps(told))
