"""`modelward data`: look at a site's data before a study does. Nothing is sent anywhere."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(no_args_is_help=True, help="Check a site's data against a study.")

NOT_READY = 3
"""Exit code of a check that ends NOT READY."""

DatasetFile = Annotated[Path, typer.Argument(help="The site's dataset.toml.")]
StudyFile = Annotated[Path, typer.Option("--study", help="The study file.")]


@app.command()
def init(
    stores: Annotated[
        list[Path],
        typer.Argument(help="File or folder with the data; then what is joined to it."),
    ],
    study: StudyFile,
    *,
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("dataset.toml"),
) -> None:
    """Look at the data and write a first dataset.toml, with what could not be mapped."""
    from modelward import durable
    from modelward.errors import DataError
    from modelward.readers.proposing.propose import proposal
    from modelward.study.read import read

    if out.exists():
        raise DataError(
            f"{out} exists",
            why="a proposal never replaces what somebody wrote",
            remedy="give another file with --out, or move that one away",
        )
    text, absent = proposal(stores[0], read(study), stores[1:])
    durable.make_folder(out.parent)
    durable.write_whole(out, text.encode())
    typer.echo(f"wrote {out}; not found: {', '.join(absent) or 'nothing is missing'}")
    typer.echo(f"next    modelward data check {out} --study {study}")


@app.command()
def check(
    dataset: DatasetFile,
    study: StudyFile,
    *,
    accept: Annotated[
        list[str] | None, typer.Option(help="Name whose warnings are as they should be.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Also write the report as a page.")] = None,
    files: Annotated[
        Path | None, typer.Option(help="Also list image files that are left out, and why.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Say whether the data fit the study; exit code 3 if they do not."""
    from modelward import durable
    from modelward.readers.checking.readiness import check as check_data
    from modelward.readers.checking.readiness_report import as_html, as_object, as_text
    from modelward.study.read import read

    left_out: list[tuple[str, str]] = []
    today = datetime.now(UTC).date()
    found = check_data(dataset, read(study), today, accept or (), left_out)
    if files is not None:  # paths may hold names, so nobody else reads them
        listed = "".join(f"{reason}\t{path}\n" for path, reason in left_out)
        durable.write_whole(files, listed.encode(errors="surrogateescape"), mode=0o600)
    if html is not None:
        durable.write_whole(html, as_html(found).encode())
    typer.echo(json.dumps(as_object(found)) if as_json else as_text(found))
    if not found.ready:
        raise typer.Exit(NOT_READY)


@app.command()
def describe(
    dataset: DatasetFile,
    study: StudyFile,
    *,
    title: Annotated[str, typer.Option(help="Of the dataset, for a catalogue.")],
    publisher: Annotated[str, typer.Option(help="Name of the hospital.")] = "",
    contact: Annotated[str, typer.Option(help="Address for questions.")] = "",
    category: Annotated[str, typer.Option(help="Address of a health category.")] = "",
) -> None:
    """Print a catalogue record of the dataset: HealthDCAT-AP, as JSON-LD."""
    from modelward.readers.dataset import read as read_dataset
    from modelward.readers.open import open_cohort
    from modelward.readers.proposing.describe import Holder, record, unsaid
    from modelward.study.read import read

    terms = read(study)
    cohort = open_cohort(dataset, terms)
    counts = len(set(cohort.ids)), len(cohort.y)
    holder = Holder(title, publisher, contact, category)
    found = record(read_dataset(dataset)[0], terms, holder, counts)
    typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    typer.echo(f"still to say: {', '.join(unsaid(found))}", err=True)


@app.command()
def preview(
    dataset: DatasetFile,
    study: StudyFile,
    *,
    rows: Annotated[int, typer.Option(min=1, max=100, help="How many units.")] = 10,
) -> None:
    """Show the first units as the study would see them; they stay on this screen."""
    from modelward.core.columns import columns
    from modelward.readers.open import open_cohort
    from modelward.study.read import read

    terms = read(study)
    cohort = open_cohort(dataset, terms)
    if terms.image is not None:
        _pictures(_images(cohort.x[:rows], terms), cohort.y[:rows], terms.target_name)
        for note in cohort.notes:
            typer.echo(note)
        return
    if terms.sequence is not None:
        _courses(cohort.x[:rows], cohort.y[:rows], terms)
        for note in cohort.notes:
            typer.echo(note)
        return
    names = [*(column.name for column in columns(terms)), terms.target_name]
    typer.echo("  ".join(f"{name:>12}" for name in names))
    for x, y in zip(cohort.x[:rows], cohort.y[:rows], strict=True):
        typer.echo("  ".join(f"{value:>12g}" for value in [*x, y]))
    for note in cohort.notes:
        typer.echo(note)


def _courses(x: Any, y: Any, terms: Any) -> None:  # noqa: ANN401 - arrays and a study
    """Show sequences event by event, each above its outcome."""
    from modelward.readers.events.sequences import shown

    for course, outcome in zip(x, y, strict=True):
        for line in shown(course, terms.sequence[1]):
            typer.echo(line)
        typer.echo(f"{terms.target_name} = {outcome:g}\n")


def _images(x: Any, terms: Any) -> Any:  # noqa: ANN401 - numpy and pydantic come late
    """Return the images of units, which a study may ask for beside a table."""
    from modelward.core.columns import inputs
    from modelward.core.modalities import unpacked

    asked = inputs(terms)
    if asked.kind != "image-and-table":
        return x
    return unpacked(x, asked.columns, asked.shape).pixels.astype("uint8")


def _pictures(x: Any, y: Any, target: str) -> None:  # noqa: ANN401 - arrays; numpy comes late
    """Show images as letters, each above its outcome."""
    from modelward.readers.images.glance import glance

    for image, outcome in zip(x, y, strict=True):
        for line in glance(image):
            typer.echo(line)
        typer.echo(f"{' x '.join(map(str, image.shape))}, {target} = {outcome:g}\n")
