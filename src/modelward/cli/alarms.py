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
Reason = Annotated[str, typer.Option(help="Why it is cleared up, for who reads it later.")]


def add_to(app: typer.Typer, party: Party) -> None:
    """Add the command `alarms` to `modelward hub` or `modelward site`."""

    @app.command("alarms")
    def alarms(
        folder: Annotated[Path, typer.Argument(metavar=party.upper(), help="Its folder.")],
        *,
        settle: Settle = None,
        name: Person = "",
        reason: Reason = "",
        as_json: Json = False,
    ) -> None:
        """List alarms about ledgers; with --settle, say that one is cleared up.

        While an alarm stands, its ledger is not cosigned, the hub does not ask its site,
        and the site itself refuses every task.
        """
        from modelward.engines.jetstream.state import told

        kept = _alarms(party, folder)
        if settle is not None:
            _settle(party, folder, settle, (name, reason))
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
    from modelward.hub.switchboard import alarms_at
    from modelward.ledger.alarm import read_alarms

    if party == "hub":
        return alarms_at(folder)
    return read_alarms(folder / "witness" / "alarms")


def _settle(party: Party, folder: Path, settled: str, said: tuple[str, str]) -> None:
    """Settle an alarm, on disk beside a running node, which sees it at its next look."""
    from modelward.hub.switchboard import FOLDER, REPORTED
    from modelward.ledger.alarm import Alarms

    place = folder / FOLDER / "alarms"
    reported = folder / FOLDER / REPORTED
    if party == "hub" and (reported / f"{settled}.json").exists():
        place = reported
    name, reason = said
    Alarms(place, lambda: datetime.now(UTC)).settle(settled, by=name, reason=reason)
