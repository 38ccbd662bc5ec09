"""Figures of graded outcomes: is the grade right, and how far off is it?

Quadratic kappa (Cohen 1968, Psychological Bulletin 70:213) on the likeliest level:

    kappa = 1 - sum w O / sum w E        w_ij = (i - j)^2 / (K - 1)^2

with O the table of true against predicted levels and E that of its margins: 1 for perfect
grades, 0 for what chance gives. It is what retinopathy graders are held to. Per level:
sensitivity, and the AUC of the level against all others (Hand and Till 2001 average these).
Levels are numbered from 0 in rising order; a level that nobody has gets no figure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelward.evaluate.estimate import Estimate
from modelward.evaluate.measures import discrimination
from modelward.evaluate.measures.beyond import Measured
from modelward.evaluate.measures.intervals import DRAWS, bootstrap, by_site, percentile
from modelward.evaluate.patients import Whose, joined_owners, owners_of, rate, several_of
from modelward.evaluate.predictions import Floats, Predictions

KAPPA = "quadratic kappa"
RIGHT = "accuracy of the level"
FOUND = "sensitivity"
AGAINST = "AUC against the others"
PERFECT = "every grade is right, so resamples show no spread"


@dataclass(frozen=True, slots=True, eq=False)
class Graded:
    """What is judged.

    Attributes:
        level: True levels, [n], from 0.
        probability: Of each level, [n, levels].
        site: Small integers, [n], equal for units of the same site.
        owner: Patient of every unit, [n]; None where each is its own.
    """

    level: NDArray[np.int64]
    probability: Floats
    site: NDArray[np.int64]
    owner: Whose | None = None

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The likeliest level of each unit; the lowest of equals."""
        return np.asarray(self.probability.argmax(1))


def joined(parts: Sequence[Graded]) -> Graded:
    """Return the units of several sites as one."""
    return Graded(
        np.concatenate([part.level for part in parts]),
        np.concatenate([part.probability for part in parts]),
        np.repeat(np.arange(len(parts)), [len(part.level) for part in parts]),
        joined_owners([part.owner for part in parts], [len(part.level) for part in parts]),
    )


def kappa(table: Floats) -> Floats:
    """Return quadratic kappa of tables of true (row) against predicted levels, [..., K, K].

    NaN where all are of one level and all are predicted so: chance is then always right.
    """
    levels = table.shape[-1]
    steps = np.arange(levels)
    weight = ((steps[:, None] - steps) / (levels - 1)) ** 2
    true, said = table.sum(-1), table.sum(-2)
    by_chance = true[..., :, None] * said[..., None, :] / table.sum((-1, -2))[..., None, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = 1 - (weight * table).sum((-1, -2)) / (weight * by_chance).sum((-1, -2))
    return found


def measure(graded: Graded, levels: Sequence[str], rng: np.random.Generator) -> Measured:
    """Return every figure of one model on one group of units.

    Args:
        graded: The units, at least one.
        levels: Names, from the lowest.
        rng: Source of the resamples.
    """
    n, right = len(graded.level), graded.predicted == graded.level
    everybody = several_of(np.ones(n, np.bool_), graded.owner)
    found: dict[tuple[str, str], tuple[int, Estimate, int | None]] = {
        (KAPPA, ""): (n, _kappa(graded, len(levels), rng), everybody),
        (RIGHT, ""): (n, rate(right, graded.owner, empty=""), everybody),
    }
    for number, name in enumerate(levels):
        here = graded.level == number
        units = int(here.sum())
        empty = "no unit is of this level"
        behind = several_of(here, graded.owner)
        found[FOUND, name] = (
            units,
            rate(right[here], owners_of(here, graded.owner), empty=empty),
            behind,
        )
        one = Predictions.of(here, np.minimum(graded.probability[:, number], 1.0), graded.owner)
        found[AGAINST, name] = units, discrimination.auc(one), behind
    return found


def _kappa(graded: Graded, levels: int, rng: np.random.Generator) -> Estimate:
    cell = graded.level * levels + graded.predicted
    one_hot = np.eye(levels * levels)[cell]
    strata = by_site(graded.site, graded.owner)

    def of(weights: Floats) -> Floats:
        return kappa((weights @ one_hot).reshape(-1, levels, levels))[:, None]

    whole = float(kappa(one_hot.sum(0).reshape(levels, levels)))
    if whole == 1.0:  # so is every resample, however few the units are
        return Estimate(whole, None, PERFECT)
    drawn = bootstrap(strata, of, rng, DRAWS, graded.owner)
    return percentile(whole, drawn[:, 0], graded.owner)
