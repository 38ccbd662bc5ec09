"""The verbs of the network, as the command line and programs use them: one name for both.

    train                  the local model, on own examples
    offer                  put an artifact on offer (`offer_model`: the local model)
    catalogue, pull        what is on offer; take one in (pulling.py)
    evaluate               judge everything in hand, and tell the others
    adopt, distil          compute candidates and choose (considering.py); `use` decides
    trust, map, report     who is used and why, what the network knows, the page (overview.py)
    grant, revoke, leave   give a key later, take back, leave (governing.py)
    dismiss                put an institution out (admitting.py)
    predict                answer with what is in use (using.py)
    sync                   read every box (reading.py); each command of the CLI does so first

Each takes an open `Institution` first and returns values; nothing is printed. What a person
decides is named by keywords, `by` and `reason`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from modelward.core.clock import stamp
from modelward.errors import GateRefused
from modelward.exchange.documents.card import Kind, OfferCard, Terms
from modelward.exchange.documents.entry import Entry
from modelward.exchange.documents.waiting import offered
from modelward.exchange.families.family import Family
from modelward.exchange.giving import offering, private
from modelward.exchange.giving.making import How, draft
from modelward.exchange.institution import home
from modelward.exchange.institution.admitting import dismiss
from modelward.exchange.institution.folder import Institution
from modelward.exchange.institution.governing import leave, revoke
from modelward.exchange.institution.home import Local
from modelward.exchange.institution.pulling import named, pull, turn_away
from modelward.exchange.institution.reading import sync
from modelward.exchange.listening import adopting, combining, judging
from modelward.exchange.listening.considering import (
    Considered,
    adopt,
    disagreeing,
    distil,
    examples,
    standings,
    weighed,
)
from modelward.exchange.listening.judging import Judgement
from modelward.exchange.listening.using import answer as predict
from modelward.exchange.listening.voices import Spoken, in_hand
from modelward.exchange.methods.learn import labelled
from modelward.exchange.overview import Reported, Trusted, map, report, trust

__all__ = [
    "Considered",
    "Reported",
    "Trusted",
    "adopt",
    "catalogue",
    "disagreeing",
    "dismiss",
    "distil",
    "evaluate",
    "examples",
    "grant",
    "in_hand",
    "leave",
    "map",
    "offer",
    "offer_model",
    "predict",
    "pull",
    "report",
    "revoke",
    "standings",
    "sync",
    "train",
    "trust",
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
    return offer(here, "model", terms)


def offer(
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
        return offering.offer(here, draft(here, kind, own, terms, series=series, how=how))

    asked = terms or standard_terms(here)
    return offered(here.folder, (kind, series, base), asked, put)


def catalogue(
    here: Institution, *, kinds: tuple[Kind, ...] = (), site: str | None = None
) -> list[Entry]:
    """Return what is on offer for our question, of who is admitted."""
    found = here.book.catalogue(here.question.sha256, kinds=kinds, site=site)
    return [each for each in found if each.card.site in here.members]


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
        _, table = weighed(here, found, judged, own)
        ballots += adopting.ballot(here, table, own) if table.cards else []
        if combine:
            combined = combining.step(here, table, own)
            waits_for = combining.waits_for(here, table)
    except GateRefused as error:
        untold = error.what
    here.deliver()
    return Evaluated(judged, reported, ballots, not_used, untold, combined, waits_for)


def grant(here: Institution, card: str, name: str) -> Entry:
    """Give an institution that asked for it the key to an own artifact; return the artifact.

    Raises:
        BadArtifact: If no one card is meant.
        NotAdmitted: If it is not admitted here.
        GateRefused: If it is another's, was revoked, has expired, or is for other recipients.
    """
    entry = named(here, card)
    offering.grant(here, entry, name)
    return entry


def _entry(found: list[Spoken], card: str) -> Entry:
    return next(each.entry for each in found if each.entry.sha == card)
