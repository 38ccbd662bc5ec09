"""`modelward study`: write, check, try and report on studies."""

import json
from pathlib import Path
from typing import Annotated

import typer

from modelward.cli import audit, compare, plan, propose, readiness
from modelward.cli import shares as sharing

app = typer.Typer(no_args_is_help=True, help="Write, check, try and report on studies.")

StudyFile = Annotated[Path, typer.Argument(help="The study file, such as study.toml.")]
RunDir = Annotated[Path, typer.Argument(help="Folder of a run.", metavar="RUN")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Worker processes; one per core if absent.")
]


@app.command()
def new(
    file: Annotated[Path, typer.Argument(help="File to write.")] = Path("study.toml"),
    *,
    images: Annotated[bool, typer.Option("--images", help="A study on images.")] = False,
) -> None:
    """Write a commented study file to start from."""
    from modelward.study.template import write_template

    write_template(file, images=images)
    typer.echo(f"wrote {file}; change it, then: modelward study check {file}")


@app.command()
def check(file: StudyFile) -> None:
    """Check a study file and say in plain words what it asks for."""
    from modelward.study.explain import explain
    from modelward.study.read import read

    typer.echo(explain(read(file)))


@app.command()
def schema() -> None:
    """Print the JSON Schema of study files, for editors."""
    from modelward.study.read import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


@app.command()
def simulate(
    file: StudyFile,
    *,
    data: Annotated[
        Path, typer.Option(help="CSV, Parquet or .npz with all units; or a folder of sites.")
    ],
    by: Annotated[str | None, typer.Option(help="Column whose values are the sites.")] = None,
    sites: Annotated[int, typer.Option(min=2, help="Without --by: how many sites.")] = 5,
    alpha: Annotated[
        float, typer.Option(min=0.01, help="Without --by: label skew; 0.1 strong, 100 none.")
    ] = 0.5,
    patient: Annotated[str | None, typer.Option(help="Column that names the unit.")] = None,
    split: Annotated[
        str | None, typer.Option(help="Column with train, validation or test.")
    ] = None,
    missing: Annotated[
        str | None, typer.Option(help="Texts that mean missing, with commas between.")
    ] = None,
    leave_one_out: Annotated[
        bool,
        typer.Option("--leave-one-out", help="Also judge each site by a model of the others."),
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder of the run.")] = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Try a study on one table of yours, split into hospitals."""
    from modelward.cli import figures
    from modelward.cli.progress import watching
    from modelward.cli.tables import as_object, summary
    from modelward.simulation import analysis
    from modelward.simulation.dealing import Dealing, Special
    from modelward.simulation.simulate import Simulation
    from modelward.simulation.simulate import simulate as run_simulation
    from modelward.study.read import read

    request = Simulation(
        study=read(file),
        data=data,
        dealing=Dealing(by=by, sites=sites, alpha=alpha),
        special=Special.of(patient=patient, split=split, missing=missing),
        out=out or Path(f"{file.stem}-run"),
        workers=workers,
        leave_out=leave_one_out,
    )
    with watching(quiet=as_json) as watch:
        if request.study.plan.strategy == "sums":
            figures.show(analysis.run(request, watch), as_json=as_json)
            return
        result = run_simulation(request, watch)
    typer.echo(json.dumps(as_object(result)) if as_json else summary(result))
    if not as_json and request.counts_rows:
        typer.echo(
            "note     each row was counted as one patient: no column names them (--patient)"
        )


@app.command()
def run(folder: RunDir, workers: Workers = None, *, as_json: Json = False) -> None:
    """Go on with an interrupted run, from its last finished round."""
    from modelward.cli import figures
    from modelward.cli.progress import watching
    from modelward.cli.tables import as_object, summary
    from modelward.simulation import analysis
    from modelward.simulation.simulate import resume

    with watching(quiet=as_json) as watch:
        if figures.of_sums(folder):
            figures.show(analysis.go_on(folder, workers, watch), as_json=as_json)
            return
        result = resume(folder, workers, watch)
    typer.echo(json.dumps(as_object(result)) if as_json else summary(result))


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a run, or a hub.", metavar="RUN")],
    out: Annotated[Path | None, typer.Option(help="Folder for the report files.")] = None,
    study: Annotated[
        str, typer.Option(help="Of a hub: the study's name, or the start of its hash.")
    ] = "",
    shares: Annotated[
        Path | None,
        typer.Option(help="Of a hub: the statement that `study shares` wrote, to be shown."),
    ] = None,
    *,
    hide_small_cells: Annotated[
        bool,
        typer.Option(
            "--hide-small-cells",
            help="Of a simulation: hide them as between institutions, in report-to-pass-on.",
        ),
    ] = False,
) -> None:
    """Write the report of a finished run, or of a hub's study, as HTML, JSON and text."""
    from modelward.cli import figures, reports
    from modelward.simulation.simulate import rewrite_report

    if (folder / "hub.toml").exists():
        for path in reports.of_hub(folder, study, out, shares):
            typer.echo(path)
        return
    if figures.of_sums(folder):
        for path in figures.rewrite(folder, out):
            typer.echo(path)
        return
    for path in rewrite_report(folder, out, hide=hide_small_cells):
        typer.echo(path)


propose.add_to(app)
plan.add_to(app)
audit.add_to(app)
sharing.add_to(app)
compare.add_to(app)
readiness.add_to_study(app)
