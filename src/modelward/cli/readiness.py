"""`modelward study readiness` and `modelward site check`: is everybody ready?"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from modelward.evaluate.told.heterogeneity import Heterogeneity

NOT_READY = 3
"""Exit code where somebody is not ready, as in `modelward data check`."""

Accept = Annotated[
    list[str] | None,
    typer.Option("--accept", help="Name whose warnings are as they should be."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]


def add_to_study(app: typer.Typer) -> None:
    """Add `readiness` to `modelward study`."""
    app.command()(readiness)


def add_to_site(app: typer.Typer) -> None:
    """Add `check` to `modelward site`."""
    app.command()(check)


def readiness(
    study: Annotated[
        str, typer.Argument(help="A proposed study's name; with --data, its file.")
    ],
    *,
    hub: Annotated[Path | None, typer.Option(help="Folder of the hub.", metavar="HUB")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder with one folder per site and its dataset.toml.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="With --data: folder of the simulated sites.")
    ] = None,
    accept: Accept = None,
    html: Annotated[Path | None, typer.Option(help="Also write the view as a page.")] = None,
    as_json: Json = False,
) -> None:
    """Say which sites are ready, who lacks what, and how they differ, before a round is spent.

    Shows what sites have told: ready or not by name, bands of units, noised counts. Exit code
    3 if a site is not ready.
    """
    from modelward import durable
    from modelward.errors import NotApproved
    from modelward.report import readiness as page
    from modelward.report.page import as_page
    from modelward.report.text import as_text

    if (hub is None) == (data is None):
        raise NotApproved(
            "readiness is shown of a hub, or of a folder of sites",
            why="statements lie at a hub, or are made here from data at hand",
            remedy="give --hub HUB, or --data FOLDER, and not both",
        )
    found = _of_hub(hub, study) if hub is not None else _of_data(study, data, out, accept or ())
    if html is not None:
        durable.write_whole(html, as_page(page.tell(found), numbers="").encode())
    typer.echo(json.dumps(page.as_object(found)) if as_json else as_text(page.tell(found)))
    if not all(site.ready for site in found.sites):
        raise typer.Exit(NOT_READY)


def check(
    folder: Annotated[Path, typer.Argument(help="Folder of the site.", metavar="SITE")],
    study: Annotated[str, typer.Argument(help="A study's name, or the start of its hash.")],
    *,
    accept: Accept = None,
    tell: Annotated[
        bool,
        typer.Option("--tell", help="Have the hub told: ready or not, bands, noised counts."),
    ] = False,
    html: Annotated[Path | None, typer.Option(help="Also write the report as a page.")] = None,
    as_json: Json = False,
) -> None:
    """Say whether the site's data fit a proposed study, and record it; exit code 3 if not."""
    from modelward import durable
    from modelward.cli.decide import approvals_of
    from modelward.readers.checking.readiness_report import as_html, as_object, as_text
    from modelward.site.approving.readiness import check_now

    terms = approvals_of(folder).proposal(study).study
    found = check_now(folder, terms, datetime.now(UTC), accept or (), tell=tell)
    if html is not None:
        durable.write_whole(html, as_html(found).encode())
    typer.echo(json.dumps(as_object(found)) if as_json else as_text(found))
    if tell and not as_json:
        typer.echo("the running node tells the hub, through the gate and the ledger")
    if not found.ready:
        raise typer.Exit(NOT_READY)


def _of_hub(hub: Path, named: str) -> "Heterogeneity":
    from modelward.cli.propose import named_study
    from modelward.evaluate.told.heterogeneity import heterogeneity
    from modelward.hub.consent import Consent
    from modelward.hub.registry import Registry
    from modelward.hub.statements import taken
    from modelward.joining.hub_folder import HubFolder

    folder = HubFolder.open(hub)
    registry = Registry(folder.path)
    try:
        consent = Consent(registry)
        agreement = consent.agreement(named_study(consent, named))
    finally:
        registry.close()
    members = {member.site: member.signing for member in folder.members()}
    keys = {site: members[site] for site in agreement.roster if site in members}
    return heterogeneity(
        agreement.study, taken(hub, agreement.study, keys), sorted(agreement.roster)
    )


def _of_data(
    file: str, data: Path | None, out: Path | None, accepted: "list[str] | tuple[()]"
) -> "Heterogeneity":
    from modelward.simulation.readiness import view
    from modelward.study.read import read

    folder = out or Path(f"{Path(file).stem}-readiness")
    return view(read(file), data or Path(), folder, datetime.now(UTC), accepted)
