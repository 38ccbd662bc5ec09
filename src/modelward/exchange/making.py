"""Drafts of what an institution offers, one per kind, made from its local model and examples.

Predictions, labels and prototypes are made fair at home: the maker knows its own class counts
exactly and takes its prior out before anything leaves, so that bands on the card are enough
for everybody else. What leaves is still decided by the gate (offering.py).
"""

from collections.abc import Callable

import numpy as np

from modelward.core.canonical import canonical_hash
from modelward.core.tensors import Tensors
from modelward.errors import NotApproved
from modelward.exchange import home
from modelward.exchange.card import Competence, Kind, Terms
from modelward.exchange.content import LAST, family_of, prototypes
from modelward.exchange.examples import Examples
from modelward.exchange.families.family import Floats
from modelward.exchange.institution import Institution
from modelward.exchange.learn import Steps, labelled, learn
from modelward.exchange.offering import Draft, competence
from modelward.exchange.pool import Opinion, corrected
from modelward.exchange.probability import log_softmax, quantised
from modelward.exchange.reading import named, pull
from modelward.gate.offer import UNBOUNDED

TUNING = Steps(epochs=20, rate=0.02)
"""How the last layer of a base is fine-tuned into an adapter."""


def draft(
    here: Institution, kind: Kind, own: Examples, terms: Terms, *, series: str, base: str = ""
) -> Draft:
    """Return what would be offered.

    Args:
        here: Who offers.
        kind: What.
        own: Own examples.
        terms: For what, for whom, until when.
        series: What its version counts within.
        base: Of an adapter: the card of the model that it is for.

    Raises:
        NotApproved: If there is no local model, or no base for an adapter.
        BadArtifact: If the base is turned away.
    """
    if kind == "adapter":
        return _adapter(here, own, terms, series, base)
    local = home.local(here.folder)
    voice = home.local_voice(here.folder)
    tensors, cells = _CONTENT[kind](here, own)
    return Draft(
        kind=kind,
        family=local.made_with,
        tensors=tensors,
        patients=len(own.y),
        competence=_competence(here, own, voice(own.valid_x)),
        terms=terms,
        series=series,
        cells=cells,
        privacy=_NOISED if kind == "prototypes" else UNBOUNDED,
    )


_NOISED = {"mechanism": "none", "noise": "one standard error at the minimum cell"}
"""Noise that hides one unit in a mean; it is no differential privacy and does not say so."""


def fair(here: Institution, own: Examples) -> Floats:
    """Return what the local model says of the shared set, its own prior taken out."""
    log_p = home.local_voice(here.folder)(here.shared())
    counts = np.bincount(own.y, minlength=log_p.shape[1]).astype(np.float64)
    return log_softmax(corrected(Opinion(log_p, counts)))


Content = tuple[Tensors, tuple[int, ...]]


def _model(here: Institution, _: Examples) -> Content:
    return home.tensors_of(here.folder, home.local(here.folder).sha256), ()


def _predictions(here: Institution, own: Examples) -> Content:
    return {"levels": quantised(fair(here, own))}, ()


def _labels(here: Institution, own: Examples) -> Content:
    return {"classes": fair(here, own).argmax(axis=1).astype(np.uint8)}, ()


def _prototypes(here: Institution, own: Examples) -> Content:
    """Return class means; the noise is drawn by name, so that a repetition adds nothing."""
    classes, least = len(here.question.labels), here.policy.min_cell
    counts = np.bincount(own.y, minlength=classes)
    secret = here.key.sign(b"modelward prototypes").hex()
    seed = int(canonical_hash([secret, here.question.sha256, own.y.tolist()])[:16], 16)
    noise = np.random.default_rng(seed).standard_normal((classes, own.x[0].size))
    found = prototypes(own.x, own.y, classes, least=least, noise=noise)
    return found, tuple(int(n) for n in counts if n >= least)


_CONTENT: dict[Kind, Callable[[Institution, Examples], Content]] = {
    "model": _model,
    "predictions": _predictions,
    "labels": _labels,
    "prototypes": _prototypes,
}


def _adapter(here: Institution, own: Examples, terms: Terms, series: str, base: str) -> Draft:
    """Return the last layer of a base, fine-tuned on own examples."""
    if not base:
        raise NotApproved(
            "an adapter needs a base",
            why="it is one layer, for one model that is named by its card",
            remedy="name the base: --base CARD",
        )
    entry = named(here, base)
    start, family = pull(here, entry.sha), family_of(entry.card.made)
    lesson = labelled(own.x, own.y, len(here.question.labels))
    tuned = learn(family, start, lesson, TUNING, 0, only=LAST)
    log_p = log_softmax(family.logits(tuned, own.valid_x))
    return Draft(
        kind="adapter",
        family=family,
        tensors={name: v for name, v in tuned.items() if name.startswith(LAST)},
        patients=len(own.y),
        competence=_competence(here, own, log_p),
        terms=terms,
        series=series,
        base=entry.card.sha256,
        lineage=(entry.sha,),
    )


def _competence(here: Institution, own: Examples, log_p: Floats) -> Competence:
    judged = (own.valid_y, log_p.argmax(axis=1))
    return competence(here.question.labels, own.y, judged, here.policy.min_cell)
