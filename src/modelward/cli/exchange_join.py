"""`modelward exchange init | admit | dismiss`: who is in the network."""

from pathlib import Path
from typing import Annotated

import typer

from modelward.cli.exchange_leaf import PORT
from modelward.cli.exchange_open import (
    CARRIER,
    By,
    Folder,
    Json,
    Reason,
    opened,
    printed,
    say,
)
from modelward.cli.hub import read
from modelward.core.clock import now

LAST_PORT = 65535


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file to `modelward exchange`."""
    for command in (init, admit, dismiss):
        app.command()(command)


def init(
    folder: Folder,
    name: Annotated[str, typer.Option(help="Name to go by: lower case, no spaces.")],
    question: Annotated[Path, typer.Option(help="The question file that all agreed on.")],
    carrier: Annotated[
        str,
        typer.Option(help="A folder that all can reach, 'jetstream', or 'leaf[:PORT]'."),
    ] = "jetstream",
    shared: Annotated[
        Path | None, typer.Option(help="The shared set that the question names.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Make keys and an introduction to send to the others."""
    from modelward.core.canonical import canonical_bytes
    from modelward.durable import write_whole
    from modelward.exchange.documents.question import from_json
    from modelward.exchange.institution import folder as institution
    from modelward.exchange.institution.examples import read_shared

    asked, wire = from_json(read(question)), _wire(carrier)
    if shared is not None:
        read_shared(shared, asked)  # another file would stop the first command that needs it
    spoken = institution.prepare(folder, name, asked, now())
    write_whole(folder / "exchange" / CARRIER, canonical_bytes(wire))
    if shared is not None:
        write_whole(folder / "exchange" / "shared.safetensors", read(shared))
    if as_json:
        sent = folder / "exchange" / "introduction.json"
        printed({"introduction": str(sent), "fingerprint": spoken, "wire": _spoken(wire)})
        return
    say(f"send to the others      {folder / 'exchange' / 'introduction.json'}")
    say(f"and compare by voice    {spoken}")
    say(f"letters go by           {_spoken(wire)}")


def admit(
    folder: Folder,
    introduction: Annotated[Path, typer.Argument(help="The file that another one sent.")],
    spoken: Annotated[str, typer.Option(help="Its fingerprint, as it was read to you.")],
    by: By,
    *,
    as_json: Json = False,
) -> None:
    """Admit another institution, after comparing its fingerprint by voice."""
    from modelward.exchange.documents import members
    from modelward.exchange.institution import admitting

    said = members.read(read(introduction))
    admitting.admit(folder, said, spoken, by=by, clock=now)
    if as_json:
        printed({"admitted": said.name, "fingerprint": said.spoken})
        return
    say(f"admitted {said.name}")


def dismiss(
    folder: Folder,
    name: Annotated[str, typer.Argument(help="The institution that is put out.")],
    by: By,
    reason: Reason,
    *,
    as_json: Json = False,
) -> None:
    """Put an institution out: it is not read, counted, used or sealed for any more."""
    from modelward.exchange import verbs
    from modelward.exchange.institution import governing

    with opened(folder) as here:
        gone = verbs.dismiss(here, name, by=by, reason=reason)
        has = [each for each in governing.given(here) if each.to == name]
    if as_json:
        printed({"dismissed": name, "not_used": [each.sha for each in gone], "given": has})
        return
    say(f"dismissed {name}; of what it made, {len(gone)} artifacts are not used any more")
    for each in has:
        say(f"it has {each.kind} {each.series} {each.version} of ours, card {each.card[:12]}…")


def _wire(carrier: str) -> dict[str, str | int]:
    """Return what the carrier's file holds."""
    kind, _, port = carrier.partition(":")
    if carrier == "jetstream":
        return {}
    if kind == "leaf" and (not port or (port.isdecimal() and 0 < int(port) <= LAST_PORT)):
        return {"leaf": int(port or PORT)}
    if kind == "leaf":
        raise typer.BadParameter(f"{carrier!r} is not leaf[:PORT]", param_hint="--carrier")
    return {"folder": str(Path(carrier).resolve())}


def _spoken(wire: dict[str, str | int]) -> str:
    """Return which wire it is, in words: a misspelt one would be a folder of that name."""
    if "folder" in wire:
        return f"the folder {wire['folder']}"
    if "leaf" in wire:
        return f"a leaf server on port {wire['leaf']}"
    return "the server that the site has joined"
