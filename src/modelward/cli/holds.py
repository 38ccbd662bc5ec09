"""`modelward site holds | release | refuse`: what waits until a person has decided."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelward.cli.decide import Folder, Json, Key, Person, site_name
from modelward.cli.passphrase import Passphrase

if TYPE_CHECKING:
    from modelward.artifact.review import Ruling
    from modelward.gate.hold import Held
    from modelward.site.approving.reviews import Reviews

Task = Annotated[str, typer.Argument(help="The task that it answers: the start of its id.")]
Reason = Annotated[str, typer.Option(help="Why, in one line; it stays at the site.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file to `modelward site`."""
    for command in (holds, release, refuse):
        app.command()(command)


def holds(folder: Folder, *, as_json: Json = False) -> None:
    """List what waits at the gate until one of the site's people has decided."""
    rows = [_row(folder, held) for held in _reviews(folder).waiting()]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        typer.echo(
            f"{row['task'][:12]}  {row['kind']:<10}  round {row['round']} of study"
            f" {row['study'][:12]}…  {row['bytes']:,} bytes from {row['patients']:,} units"
        )
        privacy = ", ".join(f"{name} {value}" for name, value in row["privacy"].items())
        typer.echo(f"    privacy   {privacy}")
        typer.echo(f"    bytes     {row['file']}")
        typer.echo(f"    leakage   {row['leakage'] or 'nobody looked'}")
        for finding in row["findings"]:
            typer.echo(f"    {finding['rule']:<9} {finding['says']}")
    typer.echo(f"{len(rows)} held" if rows else "nothing is held")


def release(
    folder: Folder,
    task: Task,
    *,
    name: Person,
    key: Key,
    passphrase: Passphrase,
    reason: Reason = "",
) -> None:
    """Let what waits leave, as it is; signed with your own key, and final."""
    _decide("released", folder, task, (name, key, passphrase), reason)


def refuse(
    folder: Folder,
    task: Task,
    *,
    name: Person,
    key: Key,
    passphrase: Passphrase,
    reason: Reason = "",
) -> None:
    """Have nothing leave for a task; the hub learns that it was refused, and no more."""
    _decide("refused", folder, task, (name, key, passphrase), reason)


def _reviews(folder: Path) -> "Reviews":
    from modelward.gate.policy_file import read_policy
    from modelward.site.approving.reviews import Reviews

    policy = read_policy(folder / "policy.toml")
    return Reviews(folder, site_name(folder), policy.approvers)


def _row(folder: Path, held: "Held") -> dict[str, Any]:
    """Return what a person sees of one held artifact before deciding."""
    card = held.card
    look = folder / "leakage" / f"{card.task}.json"
    return {
        "task": card.task,
        "kind": card.kind,
        "study": card.study,
        "round": card.round_no,
        "bytes": card.nbytes,
        "patients": card.patients,
        "privacy": card.privacy,
        "sha256": card.sha256,
        "file": str(folder / "held" / card.task / f"{card.sha256}.safetensors"),
        "leakage": str(look) if look.exists() else None,
        "findings": [{"rule": each.rule, "says": each.says} for each in held.findings],
        "awaits": held.awaits,
    }


def _decide(
    word: "Ruling", folder: Path, task: str, who: tuple[str, Path, str], reason: str
) -> None:
    from modelward.site.approving.person_key import unlock

    name, key, passphrase = who
    made = _reviews(folder).decide(
        word, task, (name, unlock(key, passphrase)), datetime.now(UTC), reason
    )
    typer.echo(f"{made.person} has {made.word} the answer to task {made.task[:12]}…")
    typer.echo("the node acts on it, and records it, when the hub next asks for the answer")
