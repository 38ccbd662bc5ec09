"""`modelward hub alarms`, `modelward site alarms`: what witnesses found, and who settled it."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

Party = Literal["hub", "site"]

Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]
Settle = Annotated[str | None, typer.Option(help="Id of the alarm that you have cleared up.")]
Person = Annotated[str, typer.Option("--as", help="Your name; it is kept with the alarm.")]
Second = Annotated[str, typer.Option("--with", help="Second name, about a site's own ledger.")]
Spent = Annotated[
    float | None,
    typer.Option(help="Epsilon that lost entries spent at most; all that is left if absent."),
]
Key = Annotated[Path | None, typer.Option(help="That person's key file; a site asks for it.")]
SecondKey = Annotated[
    Path | None, typer.Option("--with-key", help="The second one's key file.")
]
Pass = Annotated[
    str, typer.Option("--passphrase", help="Of --key: asked for if absent; @FILE reads a file.")
]
SecondPass = Annotated[
    str, typer.Option("--with-passphrase", help="Of --with-key, in the same way.")
]
Reason = Annotated[str, typer.Option(help="Why it is cleared up, for who reads it later.")]


def add_to(app: typer.Typer, party: Party) -> None:
    """Add the command `alarms` to `modelward hub` or `modelward site`."""

    @app.command("alarms")
    def alarms(
        folder: Annotated[Path, typer.Argument(metavar=party.upper(), help="Its folder.")],
        *,
        settle: Settle = None,
        name: Person = "",
        second: Second = "",
        spent: Spent = None,
        reason: Reason = "",
        key: Key = None,
        second_key: SecondKey = None,
        passphrase: Pass = "",
        second_passphrase: SecondPass = "",
        as_json: Json = False,
    ) -> None:
        """List alarms about ledgers; with --settle, say that one is cleared up.

        While an alarm stands, its ledger is not cosigned, the hub does not ask its site,
        and the site itself refuses every task. At a site, approvers of its policy settle,
        each with the own key.
        """
        from modelward.engines.jetstream.health import told

        kept = _alarms(party, folder)
        if settle is not None:
            if party == "site":
                locks = ((key, passphrase), (second_key, second_passphrase))
                _sign(folder, (settle, reason, spent), (name, second), locks)
            else:
                _settle(folder, settle, (name, reason), spent)
            kept = _alarms(party, folder)
        if as_json:
            typer.echo(json.dumps([told(each) for each in kept]))
            return
        for each in kept:
            state = f"settled {each.settled}" if each.settled else "STANDS"
            typer.echo(f"{each.id}  {each.time}  {each.finding:<13}{state}\n  {each.explain()}")
        if not kept:
            typer.echo("no alarm has been raised")


def warn(alarms: Sequence[Mapping[str, Any]], party: Party, folder: Path) -> None:
    """Print a line for each alarm that stands, and the command that shows them."""
    standing = [each for each in alarms if not each["settled"]]
    for each in standing:
        typer.echo(f"  ALARM {each['finding']}: {each['says'].partition('. ')[0]}")
    if standing:
        typer.echo(f"  look at them with: modelward {party} alarms {folder}")


def _alarms(party: Party, folder: Path) -> tuple[Any, ...]:
    from modelward.cli.decide import site_name
    from modelward.hub.switchboard import alarms_at
    from modelward.joining.hub_folder import HubFolder
    from modelward.ledger.alarm import read_alarms

    if party == "hub":
        return alarms_at(HubFolder.open(folder).path)  # no other folder is free of alarms
    site_name(folder)
    return read_alarms(folder / "witness" / "alarms")


def _sign(
    folder: Path,
    said: tuple[str, str, float | None],
    names: tuple[str, str],
    locks: Sequence[tuple[Path | None, str]],
) -> None:
    """Have approvers of the site's policy sign that an alarm is cleared up, and settle it."""
    from modelward.cli.decide import site_name
    from modelward.cli.passphrase import wanted
    from modelward.errors import NotApproved
    from modelward.gate.policy_file import read_policy
    from modelward.ledger.alarm import Alarms
    from modelward.site.approving import settling
    from modelward.site.approving.person_key import unlock

    settled, reason, spent = said
    who = _persons(folder, settled, names)
    now = datetime.now(UTC)
    by = " with ".join(who)
    alarms = Alarms(folder / "witness" / "alarms", lambda: now)
    alarms.require_open(settled, by=by, reason=reason, spent=spent)  # before keys are asked for
    missing = [each for each, (path, _) in zip(who, locks, strict=False) if path is None]
    if missing:
        raise NotApproved(
            f"alarm {settled!r} is not settled: no key of {' and '.join(missing)} was given",
            why="who lets a site go on signs for it, as for an approval",
            remedy="give --key FILE, and --with-key FILE for the second person",
        )
    persons = [
        (each, unlock(path, wanted(words, f"Passphrase of {each}")))
        for each, (path, words) in zip(who, locks, strict=False)
        if path is not None
    ]
    word = settling.Word(alarm=settled, reason=reason, spent=spent)
    approvers = read_policy(folder / "policy.toml").approvers
    settling.settle((folder, site_name(folder)), word, persons, approvers, now)


def _persons(folder: Path, settled: str, names: tuple[str, str]) -> list[str]:
    """Return who settles: two approvers of the policy, if it is about the site's own ledger."""
    from modelward.errors import LedgerBroken
    from modelward.gate.policy_file import read_policy
    from modelward.joining.site_folder import SiteFolder
    from modelward.ledger.alarm import read_alarms

    first, second = names
    about = {each.id: each.states[0].origin for each in read_alarms(folder / "witness/alarms")}
    if about.get(settled) != f"modelward/{SiteFolder(folder).name}":
        return [first]
    may = read_policy(folder / "policy.toml").approvers
    if first == second or not {first, second} <= set(may):
        raise LedgerBroken(
            f"alarm {settled!r} is about this site's own ledger, and {first!r} with {second!r} "
            "settles it",
            why="what was lost is taken as spent, which two approvers of the policy answer for",
            remedy=f"give two of: {', '.join(sorted(may)) or 'nobody'}, by --as and --with",
        )
    if may[first] == may[second]:
        raise LedgerBroken(
            f"{first!r} and {second!r} have one key in policy.toml, {may[first]}",
            why="two names of one key are one person, and two have to answer for what was lost",
            remedy="let the second approver make a key of their own: modelward site person",
        )
    return [first, second]


def _settle(folder: Path, settled: str, said: tuple[str, str], spent: float | None) -> None:
    """Settle an alarm at a hub, on disk beside the running one, which sees it soon."""
    from modelward.hub.switchboard import FOLDER, REPORTED
    from modelward.ledger.alarm import Alarms

    place = folder / FOLDER / "alarms"
    reported = folder / FOLDER / REPORTED
    if (reported / f"{settled}.json").exists():
        place = reported
    name, reason = said
    Alarms(place, lambda: datetime.now(UTC)).settle(
        settled, by=name, reason=reason, spent=spent
    )
