"""`modelward site`: a hospital's side of joining and running."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelward.cli import (
    alarms,
    budget,
    decide,
    holds,
    policy,
    readiness,
    reports,
    site_audit,
)
from modelward.core.clock import now

if TYPE_CHECKING:
    from modelward.core.study import Study
    from modelward.study.agreement import Agreement

app = typer.Typer(no_args_is_help=True, help="Run a site: join a hub, answer its tasks.")

Folder = Annotated[Path, typer.Argument(help="Folder of the site.", metavar="SITE")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]


@app.command()
def init(
    folder: Folder,
    name: Annotated[str, typer.Option(help="Name to go by: lower case, no spaces.")],
    hub_url: Annotated[
        str, typer.Option(help="The hub's address, such as tls://hub.example.org:4222.")
    ],
) -> None:
    """Make the site's keys, and the request file to send to the hub."""
    from modelward.joining.site_folder import SiteFolder

    asked = SiteFolder(folder).ask(name, hub_url, now())
    typer.echo(f"send to the hub         {folder / 'request.json'}  (it is not secret)")
    typer.echo(f"and compare by voice    {asked.spoken}")
    typer.echo(f"then                    modelward site join {folder} {name}-membership.json")


@app.command()
def join(
    folder: Folder,
    membership: Annotated[Path, typer.Argument(help="The file that the hub sent.")],
) -> None:
    """Take the hub's membership file as this site's own."""
    from modelward.cli.hub import read
    from modelward.joining.files import Membership
    from modelward.joining.site_folder import SiteFolder

    given = Membership.read(read(membership), file=membership.name)
    SiteFolder(folder).join(given, now())
    typer.echo(f"joined {given.hub} as {given.site}")
    typer.echo(f"compare the hub's fingerprint by voice    {given.spoken}")
    typer.echo(f"next    modelward site up {folder}")


@app.command()
def up(folder: Folder) -> None:
    """Dial the hub and answer tasks of approved studies until SIGTERM; logs are JSON."""
    import signal

    from modelward.engines.jetstream.at_site.site_node import SiteNode
    from modelward.engines.jetstream.journal import to_stream

    node = SiteNode(folder, to_stream(now), now)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: node.stop())
    node.serve()


@app.command()
def restored(folder: Folder) -> None:
    """Say that this folder came from a backup that is older than what the hub has seen."""
    from modelward.engines.jetstream.messages import count_from
    from modelward.joining.site_folder import SiteFolder

    site = SiteFolder(folder)
    number = count_from.restored(site.path / "letters", now())
    typer.echo(f"messages of {site.name} count on from {number:,}")
    typer.echo("rounds that are missing from its ledger may be computed again")
    typer.echo(f"next    modelward site up {folder}")


@app.command()
def status(folder: Folder, *, as_json: Json = False) -> None:
    """Say whether the site is connected, and until when its certificate is good."""
    from modelward.cli.decide import POLICY_CHANGED
    from modelward.engines.jetstream.at_site.site_state import site_state
    from modelward.engines.jetstream.lines.presence import WRONG, WRONG_S
    from modelward.joining.site_folder import SiteFolder

    state = site_state(SiteFolder(folder), now())
    if as_json:
        typer.echo(json.dumps(state))
        return
    typer.echo(f"site {state['site']} of {state['hub']}")
    typer.echo(f"  {state['says']}")
    typer.echo(f"  certificate until {state['certificate_until']}")
    if state["refused_by_hub"]:
        typer.echo(f"  {state['refused_by_hub']}")
    if state["undecided"]:
        typer.echo(f"  waiting for a decision: {', '.join(state['undecided'])}")
    if state["policy_changed"]:
        typer.echo(f"  {POLICY_CHANGED}")
    if state["clock_skew_s"] is not None:
        typer.echo(f"  the hub's clock is {state['clock_skew_s']:+.1f} s from this one")
        if abs(state["clock_skew_s"]) > WRONG_S:
            typer.echo(f"  {WRONG}")
    alarms.warn(state["alarms"], "site", folder)


@app.command()
def evidence(
    folder: Folder,
    study: Annotated[str, typer.Option(help="A study's name, or the start of its hash.")],
    terms: Annotated[
        Path | None, typer.Option(help="The study file, if it is not in the site's folder.")
    ] = None,
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("evidence.html"),
) -> None:
    """Write a printable record of processing; each sentence names its ledger entries."""
    from modelward.ledger import archive
    from modelward.ledger.log import KEY
    from modelward.ledger.verify import read_key, verify
    from modelward.report.processing import evidence as report
    from modelward.report.processing import evidence_page

    ledger = folder / "ledger"
    found, read = verify(ledger, ledger / KEY), terms_of(folder, study, terms)
    made = report.collect(
        read,
        list(archive.read(ledger, read_key(ledger / KEY)).entries()),
        found,
        proposed(folder, read.sha256),
    )
    evidence_page.write(made, out)
    typer.echo(out)


decide.add_to(app)
readiness.add_to_site(app)
app.add_typer(policy.app, name="policy")
budget.add_to(app)
alarms.add_to(app, "site")
holds.add_to(app)
reports.add_to(app)
site_audit.add_to(app)


def terms_of(folder: Path, named: str, file: Path | None) -> "Study":
    """Return the terms of a study, from a study file or from what lies in a site's folder.

    Raises:
        StudyFileError: If the file cannot be used.
        NotApproved: If no study, or more than one, fits the name; a file's has to fit as well.
    """
    from modelward.core.canonical import canonical_bytes
    from modelward.errors import NotApproved
    from modelward.study.read import from_json
    from modelward.study.read import read as read_file

    given = [] if file is None else [read_file(file)]
    found = {read.sha256: read for read in given}
    for path in [*folder.glob("proposals/*.json"), *folder.glob("studies/*.json")]:
        if given:
            break
        table = json.loads(path.read_bytes())
        read = from_json(canonical_bytes(table.get("terms", table)))
        found[read.sha256] = read
    fitting = [s for s in found.values() if s.id == named or s.sha256.startswith(named)]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(f"{s.sha256[:12]} ({s.id} {s.study.version})" for s in fitting[:10])
    raise NotApproved(
        f"{len(fitting)} studies of {folder} fit {named[:70]!r}: {listed or 'none'}",
        why="a record of processing is about exactly one study",
        remedy="name it by its hash (modelward site studies SITE), or give its file: --terms",
    )


def proposed(folder: Path, study: str) -> "Agreement | None":
    """Return the proposal of the study with this SHA-256 in a site's folder; None if none.

    Raises:
        MessageRefused: If it is there and is no proposal.
    """
    from modelward.core.canonical import parse_strict
    from modelward.study.agreement import from_body

    path = folder / "proposals" / f"{study}.json"
    return (
        from_body(parse_strict(path.read_bytes(), what="proposal")) if path.exists() else None
    )
