"""`modelward exchange`: the data-model network; offering, reading and taking back."""

from dataclasses import asdict
from typing import Annotated, Literal

import typer

from modelward.cli import exchange_join, exchange_leaf, exchange_use
from modelward.cli.exchange_open import (
    By,
    CardArg,
    Epsilon,
    Folder,
    Json,
    Reason,
    opened,
    printed,
    say,
)
from modelward.core.clock import now, stamp

app = typer.Typer(no_args_is_help=True, help="Exchange models with other institutions.")

KindName = Literal["model", "adapter", "predictions", "prototypes", "labels"]


@app.command()
def train(
    folder: Folder,
    family: Annotated[str, typer.Option(help="linear, mlp-N or conv-N.")] = "mlp-64",
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="Of the start and the batches.")
    ] = 0,
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
    say(f"local model {local.family}, bundle {local.sha256[:12]}…")
    if left is not None:
        say(f"booked epsilon {epsilon:g} a patient; {left:.2f} is left")


@app.command()
def offer(
    folder: Folder,
    kind: Annotated[KindName, typer.Option(help="What to offer.")] = "model",
    series: Annotated[str, typer.Option(help="What its version counts within.")] = "main",
    to: Annotated[
        list[str] | None, typer.Option(help="A recipient; all admitted ones if absent.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=36_500, help="Days until it expires.")] = 365,
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
    from modelward.exchange.documents.card import Terms
    from modelward.exchange.giving import offering

    with opened(folder) as here:
        offering.require_admitted(here, to or ())
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
    say(f"offered {kind} {series} {card.version}, card {card.sha[:12]}…, {card.nbytes:,} bytes")
    say(f"knows   {_known(card.competence.labels, card.competence.units)}")
    say(f"looked  {_looked(card.leakage)}")
    if waiting:
        say(f"{waiting} letters wait for the wire; the next command posts them")


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
    from modelward.exchange import verbs
    from modelward.exchange.institution import governing
    from modelward.exchange.institution.reading import News

    with opened(folder) as here:
        news = News() if offline else verbs.sync(here)
        found = verbs.catalogue(here, kinds=(kind,) if kind else (), site=site)
        stale, asked = governing.unusable(here), governing.asked(here)
    if as_json:
        rows = [{"card": e.sha, "here": e.here, "offer": e.card} for e in found]
        printed({"news": news, "offers": rows, "unusable": stale, "asked": asked})
        return
    for each in found:
        card = each.card
        mark = "here" if each.here or card.site == here.name else "    "
        say(
            f"{each.sha[:12]}  {card.site:<12} {card.kind:<11} {card.made.family:<8}"
            f" v{card.version:<3} {card.nbytes:>9,} bytes  {mark}"
            f"  {'until' if card.expires > now() else 'EXPIRED'} {card.terms.expires[:10]}"
        )
        say(f"              knows {_known(card.competence.labels, card.competence.units)}")
    say(f"{len(found)} on offer; {news.letters} new letters")
    for why in stale:
        say(f"warning: the model in use must not be used: {why}", err=True)
    for which, who, _ in asked:
        wish = f"modelward exchange grant {folder} {which[:12]} {who}"
        say(f"{who} asks for the key to {which[:12]}…: {wish}", err=True)
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
    from modelward.exchange import verbs
    from modelward.exchange.institution import pulling

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
    say(f"{len(taken)} artifacts are here")
    for why in left.values():
        say(f"not taken: {why}")


@app.command()
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
    say(f"granted {entry.card.kind} {entry.sha[:12]}… to {name}")


@app.command()
def revoke(
    folder: Folder,
    card: CardArg,
    by: By,
    reason: Reason,
    *,
    as_json: Json = False,
) -> None:
    """Take an own artifact back; peers stop using it at their next contact."""
    from modelward.exchange import verbs
    from modelward.exchange.institution import governing

    with opened(folder) as here:
        marked = verbs.revoke(here, card, by=by, reason=reason)
        has = [each for each in governing.given(here) if each.card in marked]
    if as_json:
        printed({"revoked": marked, "given": has})
        return
    say(f"revoked, with descendants: {', '.join(each[:12] for each in marked)}")
    for each in has:
        say(f"{each.to} has it since {each.time}; bytes that others hold are beyond reach")


@app.command()
def leave(folder: Folder, by: By, reason: Reason, *, as_json: Json = False) -> None:
    """Leave the network: revoke everything, and list what was given to whom."""
    from modelward.exchange import verbs

    with opened(folder) as here:
        found = verbs.leave(here, by=by, reason=reason)
    if as_json:
        printed({"given": found})
        return
    for each in found:
        say(f"{each.to:<12} {each.kind} {each.series} {each.version}, since {each.time}")
    say(f"left; {len(found)} artifacts are with others, who are told not to use them")


exchange_join.add_to(app)
exchange_use.add_to(app)
app.command()(exchange_leaf.leaf)


def _known(labels: tuple[str, ...], units: tuple[int, ...]) -> str:
    return ", ".join(f"{c} {n}+" for c, n in zip(labels, units, strict=True) if n) or "nothing"


def _looked(leakage: dict[str, str | int | float]) -> str:
    if not leakage:
        return "nobody has looked at it"
    return f"{leakage['tests']}: {leakage['found']}"


def _warn(news: object) -> None:
    refused, unreached = news.refused, news.unreached  # type: ignore[attr-defined]
    for box, why in refused.items():
        say(f"warning: the box of {box} is not read on: {why}", err=True)
    if unreached:
        say(f"warning: not reached: {', '.join(unreached)}", err=True)
