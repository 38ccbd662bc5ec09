"""`modelward study submit|start|pause|stop|status`: a study from the hub's chair."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from modelward.hub.consent import Consent, Going

FEWEST_DIGITS = 6
"""Of a hash, to name a study by."""

Hub = Annotated[Path, typer.Option(help="Folder of the hub.", metavar="HUB")]
Study = Annotated[str, typer.Argument(help="A study's name, or the start of its hash.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file to `modelward study`."""
    for command in (submit, start, pause, stop, status):
        app.command()(command)


def submit(
    file: Annotated[Path, typer.Argument(help="The study file, such as study.toml.")],
    *,
    hub: Hub,
) -> None:
    """Propose a study to the sites that it names, or to all that were admitted."""
    from modelward.hub.consent import Consent, roster_of
    from modelward.hub.registry import Registry
    from modelward.joining.hub_folder import HubFolder
    from modelward.study.agreement import Agreement
    from modelward.study.explain import spoken
    from modelward.study.read import read

    study = read(file)
    keys = {
        m.site: m.signing.public_bytes_raw().hex()
        for m in HubFolder.open(hub).members()
        if not m.removed
    }
    agreement = Agreement.of(study, roster_of(study, keys))
    registry = Registry(hub)
    try:
        Consent(registry).submit(agreement)
    finally:
        registry.close()
    typer.echo(f"proposed {study.id} ({study.sha256[:12]}…) to {', '.join(agreement.roster)}")
    typer.echo(f"roster fingerprint  {spoken(agreement.fingerprint)}")
    typer.echo(f"next                modelward study status {study.id} --hub {hub}")


def start(study: Study, *, hub: Hub) -> None:
    """Start a study, or go on with a paused one; enough sites must have approved it."""
    _set(study, hub, "started")


def pause(study: Study, *, hub: Hub) -> None:
    """Send no more tasks of a study until it is started again."""
    _set(study, hub, "paused")


def stop(study: Study, *, hub: Hub) -> None:
    """End a study for good; finished rounds are kept."""
    _set(study, hub, "stopped")


def status(
    study: Annotated[str, typer.Argument(help="A study; all of them if absent.")] = "",
    *,
    hub: Hub,
    as_json: Json = False,
) -> None:
    """Say which sites have approved, declined or withdrawn, and whether tasks are sent."""
    from dataclasses import asdict

    from modelward.hub.consent import Consent
    from modelward.hub.registry import Registry
    from modelward.joining.hub_folder import HubFolder

    registry = Registry(HubFolder.open(hub).path)  # a mistyped folder is not made one
    try:
        consent = Consent(registry)
        wanted = [named_study(consent, study)] if study else _all(consent)
        found: list[dict[str, Any]] = [
            {
                "study": each,
                "id": consent.agreement(each).study.id,
                "version": consent.agreement(each).study.study.version,
                "state": consent.going(each),
                "finished": registry.finished(consent.agreement(each).study),
                "roster": consent.agreement(each).fingerprint,
                "sites": [asdict(standing) for standing in consent.standing(each)],
            }
            for each in wanted
        ]
    finally:
        registry.close()
    if as_json:
        typer.echo(json.dumps(found))
        return
    if not found:
        typer.echo("no study has been submitted yet: modelward study submit STUDY --hub HUB")
    for row in found:
        done = "" if row["finished"] is None else f", finished: {row['finished']}"
        named = f"{row['id']} version {row['version']}  {str(row['study'])[:12]}…"
        typer.echo(f"{named}  {row['state']}{done}")
        for site in row["sites"]:
            by = f"  {site['person']}, {site['time']}" if site["person"] else ""
            typer.echo(f"  {site['site']:<24}{site['word'] or 'undecided'}{by}")


def _set(study: str, hub: Path, going: "Going") -> None:
    from modelward.hub.consent import Consent
    from modelward.hub.registry import Registry
    from modelward.joining.hub_folder import HubFolder

    registry = Registry(HubFolder.open(hub).path)
    try:
        consent = Consent(registry)
        sha256 = named_study(consent, study)
        consent.set_going(sha256, going)
    finally:
        registry.close()
    typer.echo(f"{study} is {going}")


def _all(consent: "Consent") -> list[str]:
    return [each.study.sha256 for each in consent.agreements()]


def named_study(consent: "Consent", named: str) -> str:
    """Return the SHA-256 of the one proposed study that `named` fits; "" fits all.

    Raises:
        NotApproved: If none or several fit.
    """
    from modelward.errors import NotApproved

    fitting = [
        each.study
        for each in consent.agreements()
        if named in ("", each.study.id)
        or (len(named) >= FEWEST_DIGITS and each.study.sha256.startswith(named))
    ]
    if len(fitting) == 1:
        return fitting[0].sha256
    listed = ", ".join(f"{s.sha256[:12]} (version {s.study.version})" for s in fitting[-10:])
    raise NotApproved(
        f"{len(fitting)} proposed studies fit {named!r}" + (f": {listed}" if listed else ""),
        why="what is started, paused or stopped is exactly one study",
        remedy="list them with: modelward study status --hub HUB, and name one by the start of "
        f"its hash ({FEWEST_DIGITS} digits or more)",
    )
