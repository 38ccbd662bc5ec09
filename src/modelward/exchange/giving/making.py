"""Drafts of what an institution offers, one per kind, made from its local model and examples.

Predictions, labels and prototypes are made fair at home: the maker knows its own class counts
exactly and takes its prior out before anything leaves, so that bands on the card are enough
for everybody else. What leaves is still decided by the gate (offering.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from modelward.core.canonical import canonical_hash
from modelward.core.tensors import Tensors
from modelward.errors import NotApproved
from modelward.exchange.documents.bands import band, fewest, middles
from modelward.exchange.documents.card import Competence, Kind, Terms
from modelward.exchange.documents.content import LAST, family_of, prototypes
from modelward.exchange.families.family import Floats
from modelward.exchange.giving import private
from modelward.exchange.giving.claims import Seen, competence, seen
from modelward.exchange.giving.offering import Draft
from modelward.exchange.institution import home
from modelward.exchange.institution.class_means import persons_of
from modelward.exchange.institution.examples import Examples
from modelward.exchange.institution.folder import Institution
from modelward.exchange.institution.home import Local
from modelward.exchange.institution.pulling import named, pull
from modelward.exchange.methods.learn import Steps, labelled, learn
from modelward.exchange.methods.pool import Opinion, corrected
from modelward.exchange.methods.probability import Labels, log_softmax, quantised
from modelward.gate.offer import UNBOUNDED

TUNING = Steps(epochs=20, rate=0.02)
"""How the last layer of a base is fine-tuned into an adapter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """From what an artifact is made, and with which bound.

    Attributes:
        base: Of an adapter: the card of the model that it is for.
        epsilon: Of an adapter or prototypes: what it may tell about a patient, booked; no
            bound if None. Models, predictions and labels have the bound of the local model.
    """

    base: str = ""
    epsilon: float | None = None


def draft(
    here: Institution,
    kind: Kind,
    own: Examples,
    terms: Terms,
    *,
    series: str,
    how: How | None = None,
) -> Draft:
    """Return what would be offered.

    Args:
        here: Who offers.
        kind: What.
        own: Own examples.
        terms: For what, for whom, until when.
        series: What its version counts within.
        how: From what, and with which bound.

    Raises:
        NotApproved: If there is no local model, no base for an adapter, or one class alone that
            was learnt.
        BadArtifact: If the base is turned away.
        BudgetExceeded: If a patient cannot afford the bound.
    """
    how = how or How()
    epsilon = how.epsilon
    if kind == "adapter":
        return _adapter(here, own, (terms, series), how)
    if epsilon is not None and kind != "prototypes":
        raise NotApproved(
            f"the bound of {kind} is that of the local model",
            why="what a model tells about a patient is decided when it is trained",
            remedy="modelward exchange train SITE --epsilon E, then offer again",
        )
    local = home.for_others(here.folder, here.question, own, fewest(here.policy.min_cell))
    if kind != "prototypes" and local.trained and not local.privacy:
        _require_two_classes(here, own)
    voice = home.voice_of(here.folder, local)
    tensors, cells, privacy = _CONTENT[kind](here, own, local, epsilon)
    return Draft(
        kind=kind,
        family=local.made_with,
        tensors=tensors,
        patients=len(own.y),
        persons=len(np.unique(own.persons)),
        competence=_competence(here, own, voice(own.valid_x), privacy),
        terms=terms,
        series=series,
        cells=cells,
        privacy=_beside(here, privacy),
        seed=local.seed,
    )


def _require_two_classes(here: Institution, own: Examples) -> None:
    """Refuse what gives one answer to everything: peers would have it in quarantine."""
    labels, least = here.question.labels, fewest(here.policy.min_cell)
    counts = np.array(persons_of(own, len(labels)))
    known = [labels[cls] for cls in np.flatnonzero(counts >= least)]
    if len(known) == 1:
        raise NotApproved(
            f"of {known[0]} alone there are {least} patients or more",
            why="a model that has learnt one class gives this answer to everything",
            remedy="gather examples of another class, or: exchange offer --kind prototypes",
        )


_NOISED = {"mechanism": "none", "noise": "one standard error at the minimum cell"}
"""Noise that hides one unit in a mean; it is no differential privacy and does not say so."""


def fair(here: Institution, own: Examples, local: Local) -> Floats:
    """Return what an own model says of the shared set, its own prior taken out.

    Of a model with a bound the prior is that of the card's bands, from noised counts: exact
    ones would be a look at patients that nobody paid for.
    """
    log_p = home.voice_of(here.folder, local)(here.shared())
    counts = _units(here, own, local.privacy).astype(np.float64)
    if local.privacy:
        counts = middles(tuple(band(int(n)) for n in counts))
    return log_softmax(corrected(Opinion(log_p, counts)))


Event = Mapping[str, str | int | float]
"""A privacy event as a card has it; empty of what was never bounded."""

Content = tuple[Tensors, tuple[int, ...], Event]


def _model(here: Institution, _: Examples, local: Local, __: float | None) -> Content:
    return home.tensors_of(here.folder, local.sha256), (), local.privacy


def _predictions(here: Institution, own: Examples, local: Local, _: float | None) -> Content:
    return {"levels": quantised(fair(here, own, local))}, (), local.privacy


def _labels(here: Institution, own: Examples, local: Local, _: float | None) -> Content:
    found = fair(here, own, local).argmax(axis=1).astype(np.uint8)
    return {"classes": found}, (), local.privacy


def _prototypes(here: Institution, own: Examples, _: Local, epsilon: float | None) -> Content:
    """Return class means; the noise is drawn by name, so that a repetition adds nothing."""
    classes, least = len(here.question.labels), here.policy.min_cell
    persons = persons_of(own, classes)
    if epsilon is not None:
        paid = private.pay(here, own, epsilon, {"kind": "prototypes", "least": least}, 1)
        return private.prototypes(own, classes, paid, least), (), paid.card
    secret = here.key.sign(b"modelward prototypes").hex()
    asked = here.question.sha256  # named is everything that the means depend on
    seed = int(canonical_hash([secret, asked, own.digest, least])[:16], 16)
    noise = np.random.default_rng(seed).standard_normal((classes, own.x[0].size))
    found = prototypes(own.x, own.y, persons, least=least, noise=noise)
    return found, tuple(n for n in persons if n >= least), _NOISED


_CONTENT: dict[Kind, Callable[[Institution, Examples, Local, float | None], Content]] = {
    "model": _model,
    "predictions": _predictions,
    "labels": _labels,
    "prototypes": _prototypes,
}


def _adapter(here: Institution, own: Examples, on: tuple[Terms, str], how: How) -> Draft:
    """Return the last layer of a base, fine-tuned on own examples; classes of few left out."""
    if not how.base:
        raise NotApproved(
            "an adapter needs a base",
            why="it is one layer, for one model that is named by its card",
            remedy="name the base: --base CARD",
        )
    entry = named(here, how.base)
    start, family = pull(here, entry.sha), family_of(entry.card.made)
    (terms, series), epsilon = on, how.epsilon
    privacy: Event = UNBOUNDED
    if epsilon is None:
        counts = np.array(persons_of(own, len(here.question.labels)))
        rows = counts[own.y] >= fewest(here.policy.min_cell)
        lesson = labelled(own.x[rows], own.y[rows], len(here.question.labels))
        tuned = learn(family, start, lesson, TUNING, 0, only=LAST)
    else:
        what: dict[str, str | int] = {"kind": "adapter", "base": entry.card.sha256}
        paid = private.pay(here, own, epsilon, what, private.STEPS)
        lesson = labelled(own.x, own.y, len(here.question.labels))
        tuned = private.learn(family, start, lesson, paid, only=LAST)
        privacy = paid.card
    log_p = log_softmax(family.logits(tuned, own.valid_x))
    return Draft(
        kind="adapter",
        family=family,
        tensors={name: v for name, v in tuned.items() if name.startswith(LAST)},
        patients=len(own.y),
        persons=len(np.unique(own.persons)),
        competence=_competence(here, own, log_p, privacy),
        terms=terms,
        series=series,
        base=entry.card.sha256,
        lineage=(entry.sha,),
        privacy=_beside(here, privacy),
        start=start,
    )


def _units(here: Institution, own: Examples, privacy: Event) -> Labels:
    """Return training units of each class; noised and booked where `privacy` is a bound."""
    classes = len(here.question.labels)
    if private.bounded(privacy):
        return private.counts(here, own, classes)
    return np.bincount(own.y, minlength=classes)


def _competence(here: Institution, own: Examples, log_p: Floats, privacy: Event) -> Competence:
    """Return what the card says; no exact figure beside a bound unless the policy allows it."""
    told = not private.bounded(privacy) or "exact" in here.policy.lanes
    judged = (own.valid_y, log_p.argmax(axis=1)) if told else None
    units, beside = _units(here, own, privacy), seen(own) if told else Seen()
    return competence(here.question.labels, units, judged, here.policy.min_cell, beside)


def _beside(here: Institution, privacy: Event) -> Event:
    """Return a privacy event that says so where exact figures are on the card beside it."""
    if private.bounded(privacy) and "exact" in here.policy.lanes:
        return {**privacy, **private.BESIDE}
    return privacy or UNBOUNDED
