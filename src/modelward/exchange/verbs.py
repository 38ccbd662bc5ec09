"""The verbs of the network, as the command line and programs use them.

    train       the local model, on own examples
    offer_kind  put an artifact on offer
    catalogue   what is on offer
    evaluate    judge everything in hand, and tell the others
    adopt       compute every candidate, and choose

    sync, pull  read every box (reading.py); take an artifact in (pulling.py)
    standings   who is used, and why
    known       what the network knows

Each takes an open `Institution` and returns values; nothing is printed. What a person decides
about single artifacts is in adopting.py, revocation in governing.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from modelward.errors import GateRefused
from modelward.exchange import adopting, candidates, combining, home, judging, private, trust
from modelward.exchange.book import Entry
from modelward.exchange.candidates import Table
from modelward.exchange.card import Kind, OfferCard, Terms
from modelward.exchange.choose import LOCAL, Choice
from modelward.exchange.examples import Examples, read_examples
from modelward.exchange.families.family import Family
from modelward.exchange.home import InUse, Local
from modelward.exchange.institution import Institution
from modelward.exchange.judging import Judgement
from modelward.exchange.knowledge import Item, Map, knowledge
from modelward.exchange.learn import labelled
from modelward.exchange.letter import stamp
from modelward.exchange.making import How, draft
from modelward.exchange.offering import offer
from modelward.exchange.pulling import pull, turn_away
from modelward.exchange.reading import sync
from modelward.exchange.trust import Standing
from modelward.exchange.voices import Spoken, in_hand
from modelward.exchange.waiting import offered

__all__ = [
    "adopt",
    "catalogue",
    "disagreeing",
    "distil",
    "evaluate",
    "in_hand",
    "known",
    "offer_kind",
    "offer_model",
    "pull",
    "standings",
    "sync",
    "train",
]

LIFE = timedelta(days=365)
"""How long an offer is good for, unless its terms say otherwise."""


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """What an evaluation brought.

    Attributes:
        judged: Each artifact in hand.
        reported: Cards that the others were told about now.
        ballots: Combinations that the others were told about now.
        turned_away: Card -> why it was not judged.
        untold: Why the others were not told, if the gate kept it.
        combined: Which letter of the combiner was written now; 0 if none.
        waits_for: Whose letter the combiner waits for now, if it was asked for.
    """

    judged: list[Judgement]
    reported: list[str]
    ballots: list[str]
    turned_away: Mapping[str, str]
    untold: str = ""
    combined: int = 0
    waits_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Considered:
    """Everything computed for a choice, and the choice.

    Attributes:
        here: Where.
        table: The candidates.
        standings: Who is used, and why.
        choice: What was chosen, and why.
    """

    here: Institution
    table: Table
    standings: Mapping[str, Standing]
    choice: Choice

    def use(self, by: str) -> InUse:
        """Have the person `by` decide to use what was chosen."""
        return adopting.adopt(self.here, self.table, self.choice, by, examples(self.here))


def examples(here: Institution) -> Examples:
    """Return own examples."""
    return read_examples(here.folder / "data.npz", here.question)


def train(
    here: Institution, family: Family, *, seed: int, epsilon: float | None = None
) -> Local:
    """Train the local model.

    Args:
        here: Where.
        family: Of which family.
        seed: Of its start and its batches.
        epsilon: What it may tell about a patient; reserved and booked first. No bound if None.

    Raises:
        BudgetExceeded: If a patient cannot afford the bound.
    """
    own = examples(here)
    if epsilon is None:
        return home.train(here.folder, here.question, own, family, seed)
    what: dict[str, str | int] = {"kind": "model", "family": family.name, "seed": seed}
    paid = private.pay(here, own, epsilon, what, private.STEPS)
    lesson = labelled(own.x, own.y, len(here.question.labels))
    start = family.initial(here.question.shape, seed)
    learnt = private.learn(family, start, lesson, paid)
    return home.keep(here.folder, family, learnt, seed, trained=True, privacy=paid.card)


def standard_terms(here: Institution) -> Terms:
    """Return terms for the question's purpose, all admitted institutions and one year."""
    return Terms(purposes=(here.question.purpose,), expires=stamp(here.now + LIFE))


def offer_model(here: Institution, terms: Terms | None = None) -> OfferCard:
    """Put the local model on offer."""
    return offer_kind(here, "model", terms)


def offer_kind(
    here: Institution,
    kind: Kind,
    terms: Terms | None = None,
    *,
    series: str = "main",
    base: str = "",
    epsilon: float | None = None,
) -> OfferCard:
    """Put an artifact of `kind` on offer, made from the local model and own examples.

    Raises:
        GateRefused: If the gate lets it not out.
        HeldForReview: If the policy has a person look at it first; offered again once the
            person has released it, it leaves.
        BudgetExceeded: If a patient cannot afford the bound.
    """
    own, how = examples(here), How(base=base, epsilon=epsilon)

    def put(terms: Terms) -> OfferCard:
        return offer(here, draft(here, kind, own, terms, series=series, how=how))

    asked = terms or standard_terms(here)
    return offered(here.folder, (kind, series, base), asked, put)


def catalogue(
    here: Institution, *, kinds: tuple[Kind, ...] = (), site: str | None = None
) -> list[Entry]:
    """Return what is on offer for our question."""
    return here.book.catalogue(here.question.sha256, kinds=kinds, site=site)


def evaluate(here: Institution, *, combine: bool = False) -> Evaluated:
    """Judge every artifact in hand on private validation, and tell the others.

    With `combine`, the next letter of the pool's combiner is written as well (combining.py).

    Where the gate keeps reports (a policy without `metrics`, or with the lane `dp` alone),
    everything is judged all the same, and nobody is told.
    """
    own = examples(here)
    found, not_used = in_hand(here)
    judged = judging.judge(found, own, here.policy.min_cell)
    for each in judged:
        if each.findings:
            turn_away(here, _entry(found, each.card), each.findings)
    others = [each for each in judged if _entry(found, each.card).card.site != here.name]
    reported: list[str] = []
    ballots: list[str] = []
    untold, combined = "", 0
    waits_for: tuple[str, ...] = ()
    try:
        reported += [each.card for each in others if judging.report(here, each)]
        _, table = _table(here, found, judged)
        ballots += adopting.ballot(here, table, own) if table.cards else []
        if combine:
            combined = combining.step(here, table, own)
            waits_for = combining.waits_for(here, table)
    except GateRefused as error:
        untold = error.what
    here.deliver()
    return Evaluated(judged, reported, ballots, not_used, untold, combined, waits_for)


def adopt(here: Institution, *, own_population: bool = False) -> Considered:
    """Compute every candidate and choose; `use` of the result makes a person's decision."""
    own = examples(here)
    found, _ = in_hand(here)
    judged = judging.judge(found, own, here.policy.min_cell)
    standings, table = _table(here, found, judged)
    table = candidates.with_student(here, table, own)
    if own_population:
        table = candidates.with_greedy(table, own)
    chosen = adopting.choice(here, table, own, own_population=own_population)
    return Considered(here, table, standings, chosen)


def distil(here: Institution, *, strong: bool = False) -> Considered:
    """Have a student learn from the pool; hold it against the local model.

    Args:
        here: Where.
        strong: Weak to strong: the local model is the pre-trained student, and learns from
            itself as well. It stops where it is not shown to be better than its teachers.

    Raises:
        NotApproved: If there is no pool to learn from, or no shared set.
        BadArtifact: If the student is not pre-trained.
    """
    found, own = adopt(here), examples(here)
    candidates.require_teachers(here, found.table)
    if not strong:
        return _alone(found, found.table, candidates.DISTILLED, own)
    table, judged = candidates.with_strong(here, found.table, own)
    if not judged.stopped:
        beside = _alone(found, table, candidates.STRONG, own)
        home.note_student(here.folder, beside.choice.reason, stamp(here.now))
        return beside
    said = judged.choice.reason.replace("the local model", "its teachers")
    said = said.replace("local is kept", "the teachers stay")
    reason = f"stopped, the student is not used: {said}"
    home.note_student(here.folder, reason, stamp(here.now))
    stays = replace(judged.choice, chosen=LOCAL, best=candidates.STRONG, reason=reason)
    return replace(found, table=table, choice=stays)


def _alone(found: Considered, table: Table, name: str, own: Examples) -> Considered:
    """Return the choice between one student and the local model."""
    only = {each: table.candidates[each] for each in (LOCAL, name)}
    beside = replace(table, candidates=only)
    return replace(found, table=beside, choice=adopting.choice(found.here, beside, own))


def standings(here: Institution) -> dict[str, Standing]:
    """Return who is used, and why, of everything in hand."""
    found, _ = in_hand(here)
    judged = judging.judge(found, examples(here), here.policy.min_cell)
    return _standings(here, found, judged)


def disagreeing(here: Institution) -> dict[str, float]:
    """Return reporters that are far from all others about what is in hand, and how far."""
    found, _ = in_hand(here)
    return trust.disagreeing(judging.reports(here, found), here.now)


def known(here: Institution, asked: Iterable[Item] = ()) -> Map:
    """Return what the network knows, from the cards on offer.

    Args:
        here: Where.
        asked: What should be known besides the labels, such as (`sex`, `female`).
    """
    cards = [entry.card for entry in catalogue(here)]
    return knowledge(cards, here.question.labels, asked)


def _table(
    here: Institution, found: list[Spoken], judged: list[Judgement]
) -> tuple[dict[str, Standing], Table]:
    standings = _standings(here, found, judged)
    return standings, adopting.with_combiner(here, candidates.table(here, found, standings))


def _standings(
    here: Institution, found: list[Spoken], judged: list[Judgement]
) -> dict[str, Standing]:
    gate = adopting.standings(here, found)
    return judging.quarantined(gate, judged, adopting.overrides(here))


def _entry(found: list[Spoken], card: str) -> Entry:
    return next(each.entry for each in found if each.entry.sha == card)
