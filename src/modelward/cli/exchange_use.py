"""`modelward exchange evaluate | adopt | distil | trust | map | report`."""

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelward.cli.exchange_open import By, Folder, Json, Reason, opened, printed, say

if TYPE_CHECKING:
    from modelward.exchange.verbs import Considered


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file to `modelward exchange`."""
    for command in (evaluate, adopt, distil, predict, trust, report):
        app.command()(command)
    app.command("map")(knowledge_map)


def evaluate(
    folder: Folder,
    *,
    combine: Annotated[
        bool, typer.Option("--combine", help="Write the next letter of the combiner, too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Judge every artifact that is here on private validation, and tell the others."""
    from modelward.exchange import verbs
    from modelward.exchange.methods.fens import LETTERS

    with opened(folder) as here:
        verbs.sync(here)
        found = verbs.evaluate(here, combine=combine)
        makers = {entry.sha: entry.card.site for entry in verbs.catalogue(here)}
        labels = here.question.labels
    if as_json:
        printed(found)
        return
    for each in found.judged:
        told_of = zip(labels, each.recalls, strict=True)
        said = [f"{label} {recall:.2f}" for label, recall in told_of if not isnan(recall)]
        say(f"{each.card[:12]}  {makers[each.card]:<12} {', '.join(said) or 'too few units'}")
        for finding in each.findings:
            say(f"    quarantine: {finding.rule}: {finding.says}")
    say(f"told the others of {len(found.reported)} artifacts")
    say(f"and of {len(found.ballots)} combinations")
    if found.combined:
        say(f"and of letter {found.combined} of {LETTERS} of the combiner")
    if found.waits_for:
        say(f"the combiner waits for {', '.join(found.waits_for)}")
    if found.untold:
        say(f"nobody was told more: {found.untold}")
    for why in found.turned_away.values():
        say(f"not judged: {why}")


def adopt(
    folder: Folder,
    by: Annotated[str, typer.Option(help="Your name, to use what was chosen.")] = "",
    *,
    mine: Annotated[
        bool, typer.Option("--my-population", help="Ask own validation alone.")
    ] = False,
    agreed: Annotated[
        bool,
        typer.Option("--agreed", help="Give no answer that hangs on one institution's voice."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Compute every candidate and choose; with --by, use what was chosen."""
    from modelward.exchange import verbs

    with opened(folder) as here:
        verbs.sync(here)
        found = verbs.adopt(here, own_population=mine)
        _show(found, by, agreed=agreed, as_json=as_json)


def distil(
    folder: Folder,
    by: Annotated[str, typer.Option(help="Your name, to use the student.")] = "",
    *,
    weak_to_strong: Annotated[
        bool,
        typer.Option("--weak-to-strong", help="The local model learns from itself as well."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Have a student of the own family learn from the pool on the shared set."""
    from modelward.exchange import verbs

    with opened(folder) as here:
        verbs.sync(here)
        found = verbs.distil(here, strong=weak_to_strong)
        _show(found, by, agreed=False, as_json=as_json)


def predict(
    folder: Folder,
    examples: Annotated[Path, typer.Argument(help="A .npz file with `x`, as in training.")],
    out: Annotated[Path, typer.Option(help="File to write, one line an example.")],
    *,
    as_json: Json = False,
) -> None:
    """Answer with the model in use, if its terms allow it now; abstain where it must."""
    import numpy as np

    from modelward.durable import write_whole
    from modelward.exchange import verbs
    from modelward.exchange.institution.examples import read_inputs

    x = read_inputs(examples)
    with opened(folder) as here:
        verbs.sync(here)
        found = verbs.predict(here, x)
        labels = here.question.labels
    names = np.array([*labels, ""])[found.picked]
    lines = [",".join(["answer", *labels, "hangs on"])]
    for name, likely, who in zip(names, np.exp(found.log_p), found.one_voice, strict=True):
        lines.append(",".join([name, *(f"{p:.4f}" for p in likely), who]))
    write_whole(out, ("\n".join(lines) + "\n").encode())
    counted, used = found.counted(labels), found.used
    if as_json:
        hanging = {"hanging": found.hanging, "written": str(out)}
        printed({"in_use": used, "counted": counted, **hanging})
        return
    say(f"in use      {used.candidate if used else 'local: nobody has decided'}")
    say(f"answered    {len(x) - found.abstained:,} of {len(x):,}, in {out}")
    for label, count in counted.items():
        say(f"  {label:<20} {count:,}")
    for name, count in found.hanging.items():
        say(f"{count:,} of them hang on the voice of {name}: others without it")


def trust(
    folder: Folder,
    use: Annotated[str, typer.Option(help="Use this card, whatever the gate says.")] = "",
    drop: Annotated[str, typer.Option(help="Do not use this card.")] = "",
    by: By = "",
    reason: Reason = "",
    *,
    as_json: Json = False,
) -> None:
    """Show who is used and why; with --use or --drop, decide otherwise for one card."""
    from modelward.exchange import verbs

    with opened(folder) as here:
        verbs.sync(here)
        found = verbs.trust(here, use=use, drop=drop, by=by, reason=reason)
    makers, standings = found.makers, found.standings
    if as_json:
        rows = {card: {"site": makers[card], "standing": s} for card, s in standings.items()}
        more = {"seen": found.seen, "unwatched": found.unwatched}
        printed({"standings": rows, "disagreeing": found.disagreeing, **more})
        return
    for card, each in standings.items():
        word = "used    " if each.used else "not used"
        say(f"{card[:12]}  {makers[card]:<12} {word}  {each.reason}")
    for name, distance in found.disagreeing.items():
        say(f"{name} disagrees with the other reporters, by {distance:.2f} in the middle")
    for card, why in found.unwatched.items():
        say(f"{card[:12]}  {makers[card]:<12} a trigger in it would not be found: {why}")
    for one in found.seen:
        say(f"seen  {one.time[:16]:<16} {one.about} {one.who}: {one.says}")


def knowledge_map(
    folder: Folder,
    ask: Annotated[
        list[str] | None,
        typer.Option(help="What should be known besides the labels, such as sex=female."),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Say what nobody knows, and who could help with what is missing here."""
    from modelward.exchange import verbs

    with opened(folder) as here:
        verbs.sync(here)
        known, name = verbs.map(here, [_item(each) for each in ask or ()]), here.name
    if as_json:
        lacks = known.lacks(name)
        printed(
            {"known": known.known, "holes": known.holes, "thin": known.thin, "lacks": lacks}
        )
        return
    for item in known.wanted:
        who = known.known.get(item, {})
        said = ", ".join(f"{each} {units}+" for each, units in sorted(who.items()))
        say(f"{': '.join(item):<24} {said or 'NOBODY'}")
    for item, helpers in known.lacks(name).items():
        say(f"missing here: {': '.join(item)}; could help: {', '.join(helpers) or 'nobody'}")


def _item(said: str) -> tuple[str, str]:
    """Return the kind and value in `sex=female`."""
    kind, sign, value = said.partition("=")
    if not sign or not kind or not value:
        raise typer.BadParameter(f"{said!r} is not such as sex=female", param_hint="--ask")
    return kind, value


def report(
    folder: Folder,
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("exchange.html"),
    *,
    as_json: Json = False,
) -> None:
    """Write the network as this institution sees it, as one page."""
    from modelward.exchange import verbs

    with opened(folder) as here:
        verbs.sync(here)
        found = verbs.report(here, out)
    if as_json:
        printed(found)
        return
    say(out)


def _show(found: "Considered", by: str, *, agreed: bool, as_json: bool) -> None:
    """Print a choice, and use it if a person says so."""
    decided = found.use(by, agreed=agreed) if by else None
    if as_json:
        rows = {"choice": found.choice, "standings": found.standings, "in_use": decided}
        more = {"hanging": found.hangs, "candidates": sorted(found.table.candidates)}
        printed({**rows, **more})
        return
    say(f"candidates  {', '.join(sorted(found.table.candidates))}")
    say(f"for         {found.choice.population}")
    say(f"choice      {found.choice.chosen}: {found.choice.reason}")
    for name, share in found.hangs.items():
        say(
            f"hangs on    {name}: {share:.0%} of own validation answers of {found.choice.best}"
            " would be others without its voice"
        )
    if decided is None:
        say("nothing changed: name yourself with --by to use it")
    else:
        say(f"in use      {decided.candidate}, decided by {decided.by}")
