"""`modelward model`: take the result of a study to new data."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Take the result of a study to new data.")


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run, or of a hub.")],
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("model.safetensors"),
    study: Annotated[
        str, typer.Option(help="Of a hub: the study's name, or the start of its hash.")
    ] = "",
) -> None:
    """Write the model of a finished study, with its card and its terms."""
    from modelward.simulation.export import export_model, hub_key

    if (run / "hub.toml").exists():
        files, key = _of_hub(run, study, out)
    else:
        files, key = export_model(run, out), hub_key(run)
    for path in files:
        typer.echo(path)
    typer.echo(f"signed by the hub with the public key {key}")


def _of_hub(path: Path, named: str, out: Path) -> tuple[list[Path], str]:
    """Export from a deployed hub; return the files and its public key."""
    from modelward.cli.propose import named_study
    from modelward.hub.consent import Consent
    from modelward.hub.export import export_kept
    from modelward.hub.registry import Registry
    from modelward.joining.hub_folder import HubFolder

    key = HubFolder.open(path).key
    registry = Registry(path)
    try:
        consent = Consent(registry)
        study = consent.agreement(named_study(consent, named)).study
        files = export_kept(registry, study, key, out)
    finally:
        registry.close()
    return files, key.public_key().public_bytes_raw().hex()


@app.command()
def predict(
    file: Annotated[Path, typer.Argument(help="A model.safetensors.")],
    data: Annotated[Path, typer.Option(help="CSV, Parquet or .npz with new units.")],
    out: Annotated[Path, typer.Option(help="CSV to write.")] = Path("predictions.csv"),
    patient: Annotated[str | None, typer.Option(help="Column that names the unit.")] = None,
    missing: Annotated[
        str | None, typer.Option(help="Texts that mean missing, with commas between.")
    ] = None,
    hub_key: Annotated[
        str | None,
        typer.Option(help="The hub's public key, or membership.json; checks its signature."),
    ] = None,
) -> None:
    """Predict new units with an exported model."""
    from modelward.joining.files import read_hub_key
    from modelward.simulation.dealing import Special
    from modelward.site.predict import open_model, predict_file

    model = open_model(file, hub_key=None if hub_key is None else read_hub_key(hub_key))
    rows, filled = predict_file(
        model,
        data,
        out,
        patient=patient,
        missing=Special.of(patient=patient, split=None, missing=missing).missing,
    )
    signed = "signed by that hub" if hub_key else "signature not checked (--hub-key)"
    typer.echo(f"{rows:,} predictions in {out}; {signed}")
    if filled:
        typer.echo(f"{filled:,} rows had a missing feature, filled with the study's mean")


@app.command()
def harmonise(
    file: Annotated[Path, typer.Argument(help="The model.safetensors of a ComBat study.")],
    data: Annotated[Path, typer.Option(help="CSV or Parquet of this site's units.")],
    out: Annotated[Path, typer.Option(help="CSV to write.")] = Path("harmonised.csv"),
    patient: Annotated[str | None, typer.Option(help="Column that names the unit.")] = None,
) -> None:
    """Take this site's own shift and spread out of its measurements (recipe combat)."""
    from modelward.site.answering.harmonise import harmonise_file
    from modelward.site.predict import open_model

    found = harmonise_file(open_model(file, hub_key=None), data, out, patient=patient)
    typer.echo(f"{len(found.values):,} units in {out}; they stay here")
    for name, shift, spread in zip(found.names, found.shift, found.spread, strict=True):
        typer.echo(f"  {name:<24}shift {shift:+.3f}   spread {spread**0.5:.3f}")
