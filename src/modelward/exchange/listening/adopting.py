"""From candidates to what the ward uses: ballots, choice, decision.

    candidates   candidates.py
    ballots      how each candidate does on own validation, told to the others by the gate
    evidence     own units, and what peers reported (weighing.py)
    choice       the candidate that the sites prefer together, if it beats the local model
    decision     of a named person; without one nothing changes

All candidates are computed every time. The choice is made on private validation, own and
reported; the reason is written down whether or not anything is adopted.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from modelward.core.canonical import Json
from modelward.core.clock import stamp
from modelward.errors import NotApproved
from modelward.exchange.documents.knowledge import Abstention, calibrated
from modelward.exchange.institution import home
from modelward.exchange.institution.examples import Examples
from modelward.exchange.institution.folder import Institution
from modelward.exchange.institution.home import InUse
from modelward.exchange.listening import combining, judging, weighing
from modelward.exchange.listening.candidates import Table, made_by_others, own_alone
from modelward.exchange.listening.combining import FENS
from modelward.exchange.listening.judging import Said
from modelward.exchange.listening.voices import Spoken
from modelward.exchange.methods import choose, trust
from modelward.exchange.methods.choose import LOCAL, Choice
from modelward.exchange.methods.probability import balanced_accuracy
from modelward.exchange.methods.trust import Standing
from modelward.ledger import kinds

AGREED = ", with answers that no single voice decides"


def with_combiner(here: Institution, made: Table) -> Table:
    """Return the table with `balanced-fens`, if its combiner is there."""
    combiner = combining.finished(here, made)
    if combiner is None:
        return made
    kept = combining.tensors(combiner)
    behind = combining.behind(combining.restored(kept))
    return replace(made.with_combination(FENS, behind), combiner=kept)


def standings(here: Institution, found: Sequence[Spoken]) -> dict[str, Standing]:
    """Return who is used, with reasons: reports, own quarantine, and what people decided."""
    cards = {each.entry.sha: each.entry.card.site for each in found}
    return trust.standings(cards, judging.reports(here, found), here.now, overrides(here))


def overrides(here: Institution) -> dict[str, tuple[bool, str]]:
    """Return what named persons decided about single artifacts, as the ledger has it."""
    decided: dict[str, tuple[bool, str]] = {}
    for entry in here.ledger:
        said = str(entry.get("said"))
        if entry["kind"] == "decision" and said in {"use it", "do not use it"}:
            why = f"{entry['by']}: {entry['reason']}"
            decided[str(entry["subject"])] = (said == "use it", why)
    return decided


def ballot(here: Institution, made: Table, own: Examples) -> list[str]:
    """Tell the others how every combination does here; return the names that were new."""
    classes, said = len(here.question.labels), []
    units = np.bincount(own.valid_y, minlength=classes)
    for name, voice in sorted(made.candidates.items()):
        if own_alone(name):
            continue
        picked = voice(own.valid_x).argmax(axis=1)
        found = judging.told(picked, own.valid_y, classes, here.policy.min_cell)
        if np.isnan(found).all():
            continue
        about: dict[str, Json] = {"candidate": name, "pool": made.id(name)}
        body = judging.publish(here, about, Said(found, found, units))
        if body is not None:
            here.say("ballot", body)
            said.append(name)
    here.deliver()
    return said


def choice(
    here: Institution, made: Table, own: Examples, *, own_population: bool = False
) -> Choice:
    """Return what to use, with the local model as the floor."""
    classes = len(here.question.labels)
    if own_population:
        return choose.choose_here(weighing.own_units(made, own), own.valid_y, classes)
    evidence, ballots = weighing.evidence(here, made, own), weighing.ballots(here, made)
    known = set(range(classes)) - set(made.never)
    preferred = choose.vote(ballots, known, (FENS,)) if len(ballots) > 1 else ""
    found = choose.choose(evidence, own.valid_y, classes, preferred=preferred)
    if abstention(made, found, own).threshold <= 1:
        return found
    why = "but nowhere right enough on own validation to answer: local is kept"
    return replace(found, chosen=LOCAL, adopted=False, reason=f"{found.reason}, {why}")


def abstention(made: Table, found: Choice, own: Examples) -> Abstention:
    """Return when what was chosen answers, calibrated on private validation.

    The local model alone answers always.
    """
    if found.chosen == LOCAL:
        return Abstention(0.0, frozenset())
    said = made.candidates[LOCAL](own.valid_x)
    least = balanced_accuracy(own.valid_y, said.argmax(axis=1), said.shape[1])
    log_p = made.candidates[found.chosen](own.valid_x)
    return calibrated(log_p, own.valid_y, least, frozenset(made.never))


def adopt(
    here: Institution, made: Table, found: Choice, by: str, own: Examples, *, agreed: bool
) -> InUse:
    """Use what was chosen, because the person `by` decides so; recorded first.

    Args:
        here: Where.
        made: The candidates.
        found: What was chosen.
        by: Who decides.
        own: Own examples.
        agreed: Whether an answer that hangs on one institution's voice is not given.

    Raises:
        NotApproved: If no person is named.
    """
    if not by.strip():
        raise NotApproved(
            f"nobody decided to use {found.chosen}",
            why="nothing replaces a model in use without a named person's decision",
            remedy="give your name: modelward exchange adopt SITE --by 'Dr Ada Byron'",
        )
    cards = () if found.chosen == LOCAL else made.cards
    local, when = home.local(here.folder), abstention(made, found, own)
    digest, family = local.sha256 if found.chosen == LOCAL else "", local.made_with
    if found.chosen in made.singles:
        single = made.singles[found.chosen]
        digest, family = home.keep_bundle(here.folder, single.tensors), single.family
    if found.chosen == FENS:
        digest = home.keep_bundle(here.folder, made.combiner)
    here.ledger.append(
        kinds.fields(
            "decision",
            study=here.question.sha256,
            subject="the model in use",
            said=f"use {found.chosen} for {found.population}{AGREED if agreed else ''}",
            by=by,
            reason=found.reason,
            cards=list(cards),
        )
    )
    decided = InUse(
        candidate=found.chosen,
        cards=cards,
        by=by,
        reason=found.reason,
        time=stamp(here.now),
        sha256=digest,
        family=family.name,
        version=family.version,
        seed=local.seed,
        threshold=when.threshold,
        never=tuple(here.question.labels[cls] for cls in sorted(when.unknown)),
        guarded=True,
        fill=_kept_fill(here, made, found.chosen),
        agreed=agreed,
    )
    home.use(here.folder, decided)
    return decided


def _kept_fill(here: Institution, made: Table, name: str) -> str:
    """Return the bundle of what covers show, kept for later answers; "" if there are none."""
    if made.fill is None or not made_by_others(name):
        return ""
    return home.keep_bundle(here.folder, {"fill": made.fill})


def overrule(here: Institution, card: str, *, use: bool, by: str, reason: str) -> None:
    """Have a named person decide about one artifact, whatever the gate says."""
    if not by.strip() or not reason.strip():
        raise NotApproved(
            "an artifact is not overruled without a name and a reason",
            why="whoever reads the ledger later must be able to ask somebody",
            remedy="give --by and --reason",
        )
    here.ledger.append(
        kinds.fields(
            "decision",
            study=here.question.sha256,
            subject=card,
            said="use it" if use else "do not use it",
            by=by,
            reason=reason,
        )
    )
