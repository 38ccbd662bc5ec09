"""`modelward model`: take the result of a study to new data."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Take the result of a study to new data.")


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("model.safetensors"),
) -> None:
    """Write the model of a run, with its card and its study."""
    from modelward.simulation.export import export_model

    for path in export_model(run, out):
        typer.echo(path)


@app.command()
def predict(
    file: Annotated[Path, typer.Argument(help="A model.safetensors.")],
    data: Annotated[Path, typer.Option(help="CSV, Parquet or .npz with new units.")],
    out: Annotated[Path, typer.Option(help="CSV to write.")] = Path("predictions.csv"),
    patient: Annotated[str | None, typer.Option(help="Column that names the unit.")] = None,
) -> None:
    """Predict new units with an exported model."""
    from modelward.site.predict import open_model, predict_file

    rows, filled = predict_file(open_model(file), data, out, patient=patient)
    typer.echo(f"{rows:,} predictions in {out}")
    if filled:
        typer.echo(f"{filled:,} rows had a missing feature, filled with the study's mean")
