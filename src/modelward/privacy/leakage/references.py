"""Membership by likelihood ratios against two reference models (RMIA).

Zarifzadeh, Liu and Shokri 2024, "Low-Cost High-Power Membership Inference Attacks"
(arXiv:2312.03262), section 3: how much likelier a record is under the audited model than on
average over models that were trained without, or with, it, compared with how that is for
other records z of the population:

    ratio(x) = p(x | model) / p(x)          p(x) = mean of the references' p(x | reference)
    score(x) = share of z with ratio(x) >= ratio(z)

Two references are trained on the two halves of one pool of members and others, so each
record was seen by exactly one of them and p(x) needs no correction for models that have, or
have not, seen it (the paper's equation 10 with one model on either side).

Pure: probabilities of the right outcome in, figures of membership.py out.
"""

import numpy as np
from numpy.typing import NDArray

from modelward.privacy.leakage.membership import Membership, by_outcome

LEAST = 1e-12

Chances = NDArray[np.float64]
"""Probability that a model gives to what really happened, by record."""


def halves(n: int, draw: np.random.Generator) -> NDArray[np.bool_]:
    """Return which of `n` records the first reference is trained on, not the second."""
    first = np.zeros(n, np.bool_)
    first[draw.permutation(n)[: n // 2]] = True
    return first


def scores(audited: Chances, references: Chances) -> Chances:
    """Return the share of records that each record is likelier than, against the references.

    Args:
        audited: Under the audited model, [n].
        references: Under each reference, [k, n].
    """
    ratio = np.maximum(audited, LEAST) / np.maximum(references.mean(axis=0), LEAST)
    found: Chances = np.searchsorted(np.sort(ratio), ratio, side="right") / ratio.size
    return found


def told(
    audited: Chances,
    references: Chances,
    members: NDArray[np.bool_],
    y: NDArray[np.int8],
) -> tuple[Membership, ...]:
    """Return how well members are told from others, over all and by outcome.

    Args:
        audited: As in `scores`.
        references: As in `scores`.
        members: Which records the audited model was trained on, [n].
        y: Outcomes, [n].
    """
    doubt = 1.0 - scores(audited, references)  # as a loss: small for members
    return by_outcome(doubt[members], y[members], doubt[~members], y[~members])
