"""Reports of deployed studies: a hub's over all sites, and a site's own."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from modelward.core.study import Study
    from modelward.hub.registry import Registry


def of_hub(
    folder: Path, named: str, out: Path | None, shares: Path | None = None
) -> list[Path]:
    """Write the report of a finished study of a deployed hub; return its files.

    Args:
        folder: Of the hub.
        named: Which study.
        out: Folder for the files.
        shares: The statement of each site's share, if there is one.

    Raises:
        BadArtifact: If `shares` is none of this hub about this study.
        NotApproved: If none or several studies fit `named`.
        StudyFileError: If it trains a model and its sites agreed to tell nothing of it.
        RunMismatch: If it is not finished.
    """
    from contextlib import closing

    from modelward.cli.propose import named_study
    from modelward.hub.analysed import found
    from modelward.hub.consent import Consent
    from modelward.hub.found import findings
    from modelward.hub.registry import Registry
    from modelward.hub.switchboard import alarms_at
    from modelward.report import analysis, page

    with closing(Registry(folder)) as registry:
        consent = Consent(registry)
        study = consent.agreement(named_study(consent, named)).study
        where = out or Path(f"{study.id}-report")
        if study.plan.strategy == "sums":
            made = analysis.write(found(registry, study), where)
            return [made.html, made.json, made.text]
        alarms = [each.sentence for each in alarms_at(folder)]
        said = None if shares is None else _statement(shares, registry, study)
        written = page.write(findings(registry, study, alarms, said), where)
    return [written.html, written.json, written.text]


def _statement(path: Path, registry: "Registry", study: "Study") -> "dict[str, Any]":
    """Return what a statement of shares says, if this hub signed it about this study."""
    from modelward.errors import StorageError
    from modelward.hub.shares_signed import of_study
    from modelward.joining.hub_folder import HubFolder

    try:
        raw = path.read_bytes()
    except OSError as error:
        raise StorageError(
            f"{path} cannot be read: {error.strerror}",
            why="contributions are shown as the signed statement has them",
            remedy="check the path, or write one: modelward study shares HUB --study NAME"
            " --from SITE=FOLDER",
        ) from error
    key = HubFolder.open(registry.folder).key.public_key().public_bytes_raw().hex()
    return of_study(raw, registry, study, key)


def add_to(app: typer.Typer) -> None:
    """Add the command of this file to `modelward site`."""
    app.command("report")(own)


def own(
    folder: Annotated[Path, typer.Argument(help="Folder of the site.", metavar="SITE")],
    model: Annotated[
        Path, typer.Argument(help="The study's model.safetensors, as the hub exported it.")
    ],
    *,
    out: Annotated[Path | None, typer.Option(help="Folder for the report files.")] = None,
    hub_key: Annotated[
        str | None,
        typer.Option(
            help="The hub's public key, or a membership.json; that of SITE if absent."
        ),
    ] = None,
) -> None:
    """Compare a finished model with one trained here alone; exact figures, for this site."""
    from modelward.joining.files import read_hub_key
    from modelward.joining.site_folder import SiteFolder
    from modelward.report.page import write
    from modelward.site.own_report import own_findings
    from modelward.site.predict import open_model

    site = SiteFolder(folder)
    key = read_hub_key(hub_key or str(folder / "membership.json"))
    found = own_findings(folder, site.name, open_model(model, hub_key=key), model)
    # not the name of the hub's report, which is passed on: this one has exact figures
    where = out or Path(f"{found.record.study.id}-report-at-{site.name}")
    written = write(found, where, min_cell=1)
    for path in (written.html, written.json, written.text):
        typer.echo(path)
    typer.echo(found.verdicts[0].sentence)
    typer.echo("exact figures: keep it at this site")
