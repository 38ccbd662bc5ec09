"""`modelward exchange` grant, revoke and leave: who has what was offered."""

from typing import Annotated

import typer

from modelward.cli.exchange_open import By, CardArg, Folder, Json, Reason, opened, printed


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    for each in (grant, revoke, leave):
        app.command()(each)


def grant(
    folder: Folder,
    card: CardArg,
    name: Annotated[str, typer.Argument(help="The institution that asked for it.")],
    *,
    as_json: Json = False,
) -> None:
    """Give an institution that was admitted later the key to an own artifact."""
    from modelward.exchange import verbs

    with opened(folder) as here:
        entry = verbs.grant(here, card, name)
    if as_json:
        printed({"card": entry.sha, "to": name})
        return
    typer.echo(f"granted {entry.card.kind} {entry.sha[:12]}… to {name}")


def revoke(
    folder: Folder,
    card: CardArg,
    by: By,
    reason: Reason,
    *,
    as_json: Json = False,
) -> None:
    """Take an own artifact back; peers stop using it at their next contact."""
    from modelward.exchange import governing, verbs

    with opened(folder) as here:
        marked = verbs.revoke(here, card, by=by, reason=reason)
        has = [each for each in governing.given(here) if each.card in marked]
    if as_json:
        printed({"revoked": marked, "given": has})
        return
    typer.echo(f"revoked, with descendants: {', '.join(each[:12] for each in marked)}")
    for each in has:
        typer.echo(
            f"{each.to} has it since {each.time}; bytes that others hold are beyond reach"
        )


def leave(folder: Folder, by: By, reason: Reason, *, as_json: Json = False) -> None:
    """Leave the network: revoke everything, and list what was given to whom."""
    from modelward.exchange import verbs

    with opened(folder) as here:
        found = verbs.leave(here, by=by, reason=reason)
    if as_json:
        printed({"given": found})
        return
    for each in found:
        typer.echo(f"{each.to:<12} {each.kind} {each.series} {each.version}, since {each.time}")
    typer.echo(f"left; {len(found)} artifacts are with others, who are told not to use them")
