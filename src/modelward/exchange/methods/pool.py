"""Many models' probabilities to one, at the site that uses them: nobody aggregates.

With pi_j(c) = (n_jc + 1) / (n_j + K) and l_j = log p_j:

    prior-corrected    p(c) ~ sum_j g_j softmax(l_j - log pi_j)_c
    masked geometric   z_c  = sum_j w_jc (l_jc - log pi_jc) / sum_j w_jc,
                       w_jc = g_j [n_jc >= 3] sqrt(n_jc)

A model that saw few examples of a class says little about it and much about its own prior:
the first removes the prior, the second asks about a class only those who know it. g_j is the
trust gate (trust.py), 0 or 1. Architectures may differ: only probabilities are combined.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modelward.errors import BadArtifact
from modelward.exchange.families.family import Floats
from modelward.exchange.methods.probability import clamped, log_softmax, prior

TINY = 1e-9

FEWEST = 3
"""Training units of a class below which a model does not know it."""


@dataclass(frozen=True, slots=True, eq=False)
class Opinion:
    """What one model says about the same n units as the others.

    Attributes:
        log_p: Log-probabilities, [n, classes].
        counts: Training units it saw of each class, [classes]; from its card, so banded.
        known: How much of each probability it says wherever one looks away (covering.py), the
            rest being doubt, [n, classes]; all of it if None.
    """

    log_p: Floats
    counts: Floats
    known: Floats | None = None


def uniform(opinions: Sequence[Opinion]) -> Floats:
    """Return the mean probability of all, as log-probabilities, [n, classes]."""
    require_some(opinions)
    return _log_mean([clamped(each.log_p) for each in opinions])


def prior_corrected(opinions: Sequence[Opinion]) -> Floats:
    """Return the mean of what each model would say had its classes been equally frequent."""
    require_some(opinions)
    return _log_mean([fair(each) for each in opinions])


def masked_geometric(opinions: Sequence[Opinion]) -> Floats:
    """Return, per class, the mean of the models that know it; log-probabilities.

    A class that no model knows is given the least that any class of the unit has.
    """
    require_some(opinions)
    weights = np.array([np.sqrt(o.counts) * (o.counts >= FEWEST) for o in opinions])
    total = weights.sum(axis=0)
    summed = sum(corrected(o) * w for o, w in zip(opinions, weights, strict=True))
    z = np.where(total > 0, summed / np.where(total > 0, total, 1.0), np.inf)
    return log_softmax(np.where(np.isinf(z), z.min(axis=-1, keepdims=True) - 1.0, z))


def corrected(opinion: Opinion) -> Floats:
    """Return l - log pi, [n, classes]."""
    return np.asarray(clamped(opinion.log_p) - np.log(prior(opinion.counts)))


def fair(opinion: Opinion) -> Floats:
    """Return what a model would say had its classes been equally frequent, [n, classes].

    Doubt is no answer of the model, so the prior is not in it and is not taken out: a class
    that it has hardly seen would be what it says whenever it says nothing.
    """
    if opinion.known is None:
        return log_softmax(corrected(opinion))
    share = opinion.known / prior(opinion.counts)
    total = opinion.known.sum(axis=-1, keepdims=True)
    without = share / np.maximum(share.sum(axis=-1, keepdims=True), TINY) * total
    doubt = np.maximum(np.exp(opinion.log_p) - opinion.known, 0)
    return log_softmax(np.log(without + doubt + TINY))


POOLERS = {
    "uniform": uniform,
    "prior-corrected": prior_corrected,
    "masked-geometric": masked_geometric,
}
"""Combinations that need nothing but cards; FENS has a trained combiner (fens.py)."""


def require_some(opinions: Sequence[Opinion]) -> None:
    """Raise BadArtifact unless there is a model to combine, and all answer the same units."""
    shapes = {each.log_p.shape for each in opinions}
    if len(shapes) != 1:
        raise BadArtifact(
            f"{len(opinions)} models with answers of {len(shapes)} shapes cannot be combined",
            why="a pool is over the same units and the same classes",
            remedy="pull artifacts for this question, and check that the trust gate left some",
        )


def _log_mean(log_p: Sequence[Floats]) -> Floats:
    """Return the logarithm of the mean probability, [n, classes]."""
    stacked = np.stack(log_p)
    return log_softmax(np.logaddexp.reduce(stacked, axis=0))
