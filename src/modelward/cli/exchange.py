"""`modelward exchange`: the data-model network; joining it, offering and reading."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from modelward.cli import exchange_back, exchange_leaf, exchange_use
from modelward.cli.exchange_open import (
    CARRIER,
    Epsilon,
    Folder,
    Json,
    opened,
    printed,
)
from modelward.cli.hub import read
from modelward.core.clock import now

app = typer.Typer(no_args_is_help=True, help="Exchange models with other institutions.")

KindName = Literal["model", "adapter", "predictions", "prototypes", "labels"]


@app.command()
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
) -> None:
    """Make keys and an introduction to send to the others."""
    from modelward.core.canonical import canonical_bytes
    from modelward.durable import write_whole
    from modelward.exchange import institution
    from modelward.exchange.examples import read_shared
    from modelward.exchange.question import from_json

    asked = from_json(read(question))
    if shared is not None:
        read_shared(shared, asked)  # another file would stop the first command that needs it
    spoken = institution.prepare(folder, name, asked, now())
    write_whole(folder / "exchange" / CARRIER, canonical_bytes(_wire(carrier)))
    if shared is not None:
        write_whole(folder / "exchange" / "shared.safetensors", read(shared))
    typer.echo(f"send to the others      {folder / 'exchange' / 'introduction.json'}")
    typer.echo(f"and compare by voice    {spoken}")


@app.command()
def admit(
    folder: Folder,
    introduction: Annotated[Path, typer.Argument(help="The file that another one sent.")],
    spoken: Annotated[str, typer.Option(help="Its fingerprint, as it was read to you.")],
) -> None:
    """Admit another institution, after comparing its fingerprint by voice."""
    from modelward.exchange import members

    said = members.read(read(introduction))
    members.admit(folder / "exchange" / "members", said, spoken)
    typer.echo(f"admitted {said.name}")


@app.command()
def train(
    folder: Folder,
    family: Annotated[str, typer.Option(help="linear, mlp-N or conv-N.")] = "mlp-64",
    seed: Annotated[int, typer.Option(help="Of the start and the batches.")] = 0,
    epsilon: Epsilon = None,
    *,
    as_json: Json = False,
) -> None:
    """Train the local model on the examples in exchange/data.npz."""
    from modelward.exchange import verbs
    from modelward.exchange.families.catalogue import load

    with opened(folder) as here:
        local = verbs.train(here, load(family), seed=seed, epsilon=epsilon)
        left = here.spending.standing().left if epsilon is not None else None
    if as_json:
        printed({**asdict(local), "left": left})
        return
    typer.echo(f"local model {local.family}, bundle {local.sha256[:12]}…")
    if left is not None:
        typer.echo(f"booked epsilon {epsilon:g} a patient; {left:.2f} is left")


@app.command()
def offer(
    folder: Folder,
    kind: Annotated[KindName, typer.Option(help="What to offer.")] = "model",
    series: Annotated[str, typer.Option(help="What its version counts within.")] = "main",
    to: Annotated[
        list[str] | None, typer.Option(help="A recipient; all admitted ones if absent.")
    ] = None,
    days: Annotated[int, typer.Option(help="Days until it expires.")] = 365,
    base: Annotated[str, typer.Option(help="Of an adapter: the card of its base.")] = "",
    *,
    epsilon: Epsilon = None,
    redistribution: Annotated[
        bool, typer.Option("--redistribution", help="It may be passed on.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put an artifact on offer, through the gate and into the ledger."""
    from datetime import timedelta

    from modelward.exchange import verbs
    from modelward.exchange.card import Terms
    from modelward.exchange.letter import stamp

    with opened(folder) as here:
        terms = Terms(
            purposes=(here.question.purpose,),
            recipients=tuple(to or ()),
            expires=stamp(now() + timedelta(days=days)),
            redistribution=redistribution,
        )
        card = verbs.offer(here, kind, terms, series=series, base=base, epsilon=epsilon)
        waiting = here.deliver()
    if as_json:
        printed({"card": card.sha, "waiting": waiting, **card.model_dump(mode="json")})
        return
    typer.echo(
        f"offered {kind} {series} {card.version}, card {card.sha[:12]}…, {card.nbytes:,} bytes"
    )
    typer.echo(f"knows   {_known(card.competence.labels, card.competence.units)}")
    typer.echo(f"looked  {_looked(card.leakage)}")
    if waiting:
        typer.echo(f"{waiting} letters wait for the wire; the next command posts them")


@app.command()
def catalogue(
    folder: Folder,
    kind: Annotated[KindName | None, typer.Option(help="Only this kind.")] = None,
    site: Annotated[str | None, typer.Option(help="Only of this institution.")] = None,
    *,
    offline: Annotated[bool, typer.Option("--offline", help="Do not read the boxes.")] = False,
    as_json: Json = False,
) -> None:
    """Read what is new in every box, and list what is on offer."""
    from modelward.exchange import governing, verbs
    from modelward.exchange.reading import News

    with opened(folder) as here:
        news = News() if offline else verbs.sync(here)
        found = verbs.catalogue(here, kinds=(kind,) if kind else (), site=site)
        stale = governing.unusable(here)
    if as_json:
        rows = [{"card": e.sha, "here": e.here, "offer": e.card} for e in found]
        printed({"news": news, "offers": rows, "unusable": stale})
        return
    for each in found:
        card = each.card
        mark = "here" if each.here or card.site == here.name else "    "
        typer.echo(
            f"{each.sha[:12]}  {card.site:<12} {card.kind:<11} {card.made.family:<8}"
            f" v{card.version:<3} {card.nbytes:>9,} bytes  {mark}"
            f"  {'until' if card.expires > now() else 'EXPIRED'} {card.terms.expires[:10]}"
        )
        typer.echo(
            f"              knows {_known(card.competence.labels, card.competence.units)}"
        )
    typer.echo(f"{len(found)} on offer; {news.letters} new letters")
    for why in stale:
        typer.echo(f"warning: the model in use must not be used: {why}", err=True)
    _warn(news)


@app.command()
def pull(
    folder: Folder,
    card: Annotated[list[str] | None, typer.Argument(help="Cards; all if none.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Take artifacts in, if intake and terms allow it."""
    from modelward.errors import BadArtifact, MessageRefused
    from modelward.exchange import pulling, verbs

    taken, left = [], {}
    with opened(folder) as here:
        verbs.sync(here)
        for each in card or [entry.sha for entry in verbs.catalogue(here)]:
            try:
                verbs.pull(here, each)
                taken.append(pulling.named(here, each).sha)
            except (BadArtifact, MessageRefused) as error:
                if card:
                    raise
                left[each] = error.what
    if as_json:
        printed({"here": taken, "not_taken": left})
        return
    typer.echo(f"{len(taken)} artifacts are here")
    for why in left.values():
        typer.echo(f"not taken: {why}")


exchange_back.add_to(app)
exchange_use.add_to(app)
app.command()(exchange_leaf.leaf)


def _wire(carrier: str) -> dict[str, str | int]:
    """Return what the carrier's file holds."""
    kind, _, port = carrier.partition(":")
    if carrier == "jetstream":
        return {}
    if kind == "leaf" and (not port or port.isdigit()):
        return {"leaf": int(port or exchange_leaf.PORT)}
    return {"folder": str(Path(carrier).resolve())}


def _known(labels: tuple[str, ...], units: tuple[int, ...]) -> str:
    return ", ".join(f"{c} {n}+" for c, n in zip(labels, units, strict=True) if n) or "nothing"


def _looked(leakage: dict[str, str | int | float]) -> str:
    if not leakage:
        return "nobody has looked at it"
    return f"{leakage['tests']}: {leakage['found']}"


def _warn(news: object) -> None:
    refused, unreached = news.refused, news.unreached  # type: ignore[attr-defined]
    for card, who in news.requests:  # type: ignore[attr-defined]
        said = f"modelward exchange grant SITE {card[:12]} {who}"
        typer.echo(f"{who} asks for the key to {card[:12]}…: {said}", err=True)
    for box, why in refused.items():
        typer.echo(f"warning: the box of {box} is not read on: {why}", err=True)
    if unreached:
        typer.echo(f"warning: not reached: {', '.join(unreached)}", err=True)
