"""`modelward ledger`: check, read, prove and publish what left a site."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelward.errors import LedgerBroken

if TYPE_CHECKING:
    from modelward.ledger.cosignature import Witnessed

app = typer.Typer(no_args_is_help=True, help="Check, read, prove and publish what left a site.")

Ledger = Annotated[Path, typer.Argument(help="Folder of the ledger.")]
Key = Annotated[str | None, typer.Option(help="The site's public key, or a file with it.")]
Witnesses = Annotated[
    list[str] | None,
    typer.Option("--witness", help="A witness's public key, or a file with it; repeat it."),
]
Need = Annotated[
    int | None, typer.Option(min=0, help="How many of the witnesses; all if absent.")
]


@app.command()
def verify(
    path: Ledger,
    key: Key = None,
    held: Annotated[
        Path | None, typer.Option(help="A checkpoint of this ledger that was kept elsewhere.")
    ] = None,
    witness: Witnesses = None,
    need: Need = None,
) -> None:
    """Check that no entry was changed, removed, added or reordered."""
    from modelward.ledger.verify import read_key
    from modelward.ledger.verify import verify as verify_ledger

    found = verify_ledger(
        path,
        key,
        held=None if held is None else _read(held),
        witnesses=[read_key(each) for each in witness or []],
        need=need,
    )
    typer.echo(f"ok: {found.entries} entries of {found.origin}, root {found.root.hex()}")
    if found.witnessed:
        typer.echo(_seen_by(found.witnessed, found.asked))
    else:
        typer.echo("seen:  by no witness that is known here (--witness KEY)")
    if found.witnesses_from_ledger:
        typer.echo(
            "note: the witnesses' keys were taken from the ledger itself; compare them with "
            "those of the study's roster (--witness)"
        )
    if found.key_from_ledger:
        typer.echo(
            "note: the key was taken from the ledger itself, which shows that it is whole, "
            "not whose it is; compare it with the one the site gave you (--key)"
        )


@app.command()
def prove(
    path: Ledger,
    entry: Annotated[int | None, typer.Option(min=0, help="Number of the entry.")] = None,
    artifact: Annotated[str | None, typer.Option(help="SHA-256 of what left.")] = None,
    since: Annotated[
        Path | None, typer.Option(help="Prove growth since this checkpoint, kept elsewhere.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write: entry.tlog-proof or growth.proof.")
    ] = None,
    *,
    witnessed: Annotated[
        bool, typer.Option("--witnessed", help="Prove under what witnesses cosigned last.")
    ] = False,
) -> None:
    """Write a small file that shows one entry to be in the ledger, or that it only grew."""
    from modelward.durable import write_whole
    from modelward.ledger import archive, growth
    from modelward.ledger.log import KEY
    from modelward.ledger.verify import read_key

    key = read_key(path / KEY)
    ledger = archive.read(path, key, witnessed=witnessed)
    if since is not None and entry is None and artifact is None:
        name, made = "growth.proof", growth.prove(ledger, _read(since), key).encode()
    else:
        found = [] if artifact is None else ledger.releases(artifact)[:1]
        found += [] if entry is None else [entry]
        if len(found) != 1 or since is not None:
            missing = f"no entry of {path} is named by --entry, or releases {artifact or ''}"
            raise LedgerBroken(
                "a proof was asked of more than one thing" if found else missing.rstrip(),
                why="a proof is about one entry, or with --since about growth",
                remedy="find the entry's number: modelward ledger show LEDGER",
            )
        name, made = "entry.tlog-proof", ledger.prove(found[0]).encode()
    target = out or Path(name)
    write_whole(target, made)
    typer.echo(target)


@app.command()
def verify_proof(
    file: Annotated[Path, typer.Argument(help="What `ledger prove` wrote.")],
    key: Annotated[str, typer.Option(help="The site's public key, or a file with it.")],
    held: Annotated[
        Path | None, typer.Option(help="Your own checkpoint, for a proof of growth.")
    ] = None,
    witness: Witnesses = None,
    need: Need = None,
) -> None:
    """Check a proof against what a site signed, without the ledger."""
    from modelward.ledger import growth, proof, request
    from modelward.ledger.kinds import printable, words
    from modelward.ledger.verify import read_key

    keys = [read_key(each) for each in witness or []]
    wanted, log = len(keys) if need is None else need, read_key(key)
    if held is None:
        found = proof.verify(proof.parse(_read(file)), log, keys, need=wanted)
        seen, state = found.witnessed, found.witnessed.checkpoint
        typer.echo(f"ok: entry {found.entry['seq']} of {state.size} of {state.origin}")
        typer.echo(printable(f"{found.entry.get('time')} {words(found.entry)}"))
    else:
        grown = growth.verify(request.parse(_read(file)), _read(held), log, keys, need=wanted)
        seen, state = grown.witnessed, grown.witnessed.checkpoint
        typer.echo(
            f"ok: {state.size} entries of {state.origin} extend the {grown.held.size} you hold"
        )
    if keys:
        typer.echo(_seen_by(seen, len(keys)))


@app.command()
def show(
    path: Ledger,
    study: Annotated[
        str | None, typer.Option(help="The study's name, or start of its SHA-256.")
    ] = None,
    round_no: Annotated[int | None, typer.Option("--round", help="Number of a round.")] = None,
    kind: Annotated[str | None, typer.Option(help="Kind of entry, such as release.")] = None,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the entries as they stand, one a line.")
    ] = False,
) -> None:
    """Say in plain words what is in a ledger."""
    from modelward.cli.named_studies import named_studies
    from modelward.ledger import archive
    from modelward.ledger.kinds import known, printable
    from modelward.ledger.log import KEY
    from modelward.ledger.verify import read_key

    known(kind)
    ledger, named = archive.read(path, read_key(path / KEY)), named_studies(path)
    for said in ledger.entries():
        if study is not None and not _is_of(str(said.get("study", "")), study, named):
            continue
        if round_no is not None and said.get("round") != round_no:
            continue
        if kind is not None and said.get("kind") != kind:
            continue
        line = printable(f"{said.get('seq'):>6}  {said.get('time')}  {_told(said, named)}")
        typer.echo(json.dumps(said, sort_keys=True) if as_json else line)


@app.command()
def export(
    path: Ledger,
    out: Annotated[Path, typer.Argument(help="Folder to write the tiles into.")],
    *,
    witnessed: Annotated[
        bool, typer.Option("--witnessed", help="Export what witnesses cosigned last.")
    ] = False,
) -> None:
    """Write the ledger as C2SP tiles, which tools for transparency logs read."""
    from modelward.ledger import archive
    from modelward.ledger.log import KEY
    from modelward.ledger.verify import read_key

    ledger = archive.read(path, read_key(path / KEY), witnessed=witnessed)
    files = archive.export(ledger, out)
    typer.echo(f"{files:,} files of {ledger.state.size:,} entries in {out}")


@app.command()
def reconcile(
    path: Ledger,
    record: Annotated[Path, typer.Argument(help="What the wire carried: HUB/carried.jsonl.")],
    key: Key = None,
) -> None:
    """Compare what the wire carried with what the ledger says, byte by byte."""
    from modelward.ledger import archive
    from modelward.ledger.log import KEY
    from modelward.ledger.verify import read_key
    from modelward.report.processing import reconcile as comparison
    from modelward.report.processing.carried import read

    own = read_key(path / KEY if key is None else key)
    ledger = archive.read(path, own)
    found = comparison.reconcile(list(ledger.entries()), list(read(record)), own)
    typer.echo(comparison.words(found))
    if found.differences:
        raise LedgerBroken(
            f"{len(found.differences)} differences between {path} and {record}",
            why="whatever the wire carries under a site's certificate is in its ledger",
            remedy="keep both files; ask who sent what is not recorded, and renew the site's"
            " keys if nobody did",
        )


def _is_of(found: str, asked: str, named: Mapping[str, str]) -> bool:
    """Return whether the hash `found` is of the study that was asked for, by either name."""
    called = named.get(found, "")
    return found.startswith(asked) or asked in {called, called.rpartition(" ")[0]}


def _told(entry: Mapping[str, Any], named: Mapping[str, str]) -> str:
    """Return an entry in words, its study by name where that is known."""
    from modelward.ledger.kinds import words

    called, short = named.get(str(entry.get("study"))), f"{str(entry.get('study'))[:12]}…"
    said = words(entry)
    return said.replace(f"study {short}", f"study {called} ({short})") if called else said


def _seen_by(found: "Witnessed", asked: int) -> str:
    """Return how many of the witnesses saw how much, who, and when."""
    said = [f"{name} at {time:%Y-%m-%dT%H:%M:%SZ}" for name, time in found.times.items()]
    return (
        f"seen:  {found.checkpoint.size} entries by {len(said)} of {asked} witnesses:"
        f" {', '.join(said) or 'nobody'}"
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LedgerBroken(
            f"{path} cannot be read: {error.strerror}",
            why="without it there is nothing to check",
            remedy="give the path of the file",
        ) from error
