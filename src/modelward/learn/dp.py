"""Local training with a privacy bound for every patient: DP-SGD.

Abadi et al. 2016 (arXiv:1607.00133, Algorithm 1), per patient instead of per example, as
in McMahan et al. 2018 (arXiv:1710.06963, section 2) for users. Each of T steps:

    1. every patient is in by an independent coin of probability q   (Poisson sampling)
    2. a patient's gradients are averaged over the patient's rows    (one vector each)
    3. vectors are clipped to norm C, summed, and noised by N(0, (sigma C)^2)
    4. the sum is divided by the fixed q N, and the model steps

52 rows of one patient then weigh as one. An empty sample still adds noise and steps. The
whole is one event (q, sigma, T) for each patient, whatever is sent of it: the update that
leaves is computed from the noised steps alone, by learn/sgd.py's difference, clip and grid.

Everything random is drawn from the site's secret (privacy/noise.py): coins, noise, and the
variations of images. N is treated as public, and so is `offset`: whoever calls this gives
values that are declared public in the study, or were noised and booked. The loss of a step
is a look at patients that nobody paid for; it is not computed. Which rows are whose is
patients.py's.
"""

from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import Inputs
from modelward.core.tensors import FlatF32
from modelward.errors import BadPrivacyTerms
from modelward.learn.examples import Examples
from modelward.learn.patients import Patients
from modelward.learn.sgd import offer
from modelward.learn.steps import NO_PULL, Pull
from modelward.privacy.accounting import Event
from modelward.privacy.mechanism import ClippedSum, step_of
from modelward.privacy.noise import Secret, coins, generator
from modelward.recipes.gradients.factors import FactoredGradients
from modelward.recipes.recipe import Recipe, RowGradients
from modelward.recipes.regression.logit import of_class

MAX_ROWS = 64
"""Rows whose gradients exist at once; more is no faster on a CPU."""

MEMORY = 1 << 28
"""Bytes that these gradients may take; one row always may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DpTerms:
    """What the signed plan says about one site's private training in one round.

    Attributes:
        steps: Steps of this round (T), at least 1.
        sampling: Probability that a patient is in a step (q), in (0, 1].
        noise: Noise multiplier (sigma), greater than 0.
        clip: Norm that a patient's vector is clipped to (C), greater than 0.
        patients: Patients of the site (N), public; the divisor of a step is q * N.
        lr: Learning rate of this round.
        momentum: In [0, 1); starts from rest each round. Computed from noised steps.
        offset: Added to every logit, such as noised log prior odds; 0 for none.
        weights: What the gradient of a row without, and with the outcome counts, before
            anything is clipped; from noised counts.
        pull: Added to every noised gradient; made of parameters and of what was noised in
            rounds before, so it depends on no patient beyond what was paid for.
        release_clip: L2 norm that the update is scaled down to.

    Raises:
        BadPrivacyTerms: If a value is out of its range.
    """

    steps: int
    sampling: float
    noise: float
    clip: float
    patients: int
    lr: float
    release_clip: float
    momentum: float = 0.0
    offset: float = 0.0
    weights: tuple[float, float] = (1.0, 1.0)
    pull: Pull = NO_PULL

    def __post_init__(self) -> None:
        self.event  # noqa: B018 - an event checks its own ranges
        positive = {
            "clip": self.clip,
            "patients": self.patients,
            "lr": self.lr,
            "release_clip": self.release_clip,
        }
        for name, value in positive.items():
            if not 0.0 < value < inf:
                raise BadPrivacyTerms(
                    f"{name} is {value}",
                    why="steps of private training need finite bounds greater than 0",
                    remedy=f"set {name} in the study's plan or privacy table",
                )

    @property
    def event(self) -> Event:
        """What one round on these terms does to every patient of the site."""
        return Event(self.sampling, self.noise, self.steps)


def train(
    recipe: Recipe,
    start: FlatF32,
    data: tuple[Examples, Patients],
    terms: DpTerms,
    inputs: Inputs,
    secret: Secret,
) -> FlatF32:
    """Return the update of one site for one round; it costs each patient `terms.event`.

    Args:
        recipe: What is trained.
        start: Global parameters, [size]; not changed.
        data: The site's training examples, and which patient each belongs to.
        terms: How.
        inputs: What one example looks like.
        secret: The site's DP key, narrowed by study, round, task, cohort snapshot and terms.
            The same secret gives the same bytes; it must never serve two tasks.

    Returns:
        Local minus global parameters, norm at most `terms.release_clip`, on the grid of
        updates.

    Raises:
        BadPrivacyTerms: If the recipe mixes examples.
        TrainingFailed: If the noised steps led to parameters that are not finite.
    """
    examples, patients = data
    flat = start.copy()
    model = recipe.row_gradients(flat, examples.x, examples.y, inputs, terms.offset)
    model.require_apart(np.arange(min(len(examples.y), 4), dtype=np.int64))
    if terms.weights != (1.0, 1.0):
        model = _Weighted(model, of_class(examples.y.astype(np.float32), terms.weights))
    velocity = np.zeros_like(flat)
    for step in range(terms.steps):
        found = noised_step(model, patients, flat.size, terms, secret, step)
        penalty = model.penalty()
        if penalty is not None:
            found += penalty / np.float32(terms.patients)
        if not terms.pull.absent:
            found += terms.pull.at(flat, start)
        velocity *= np.float32(terms.momentum)
        velocity += found
        flat -= np.float32(terms.lr) * velocity
    return offer(flat, start, terms.release_clip)


class _Weighted:
    """Gradients of single rows, times what each row counts; see recipe.RowGradients."""

    def __init__(self, inner: RowGradients, counts: NDArray[np.float32]) -> None:
        self._inner, self._counts = inner, counts[:, None]

    def gradients(
        self, rows: NDArray[np.int64], draw: np.random.Generator, out: NDArray[np.float32]
    ) -> None:
        """Write the weighted gradient of each row into `out`."""
        self._inner.gradients(rows, draw, out)
        out *= self._counts[rows]

    def penalty(self) -> NDArray[np.float32] | None:
        """Return the penalty's gradient, which is nobody's."""
        return self._inner.penalty()

    def require_apart(self, rows: NDArray[np.int64]) -> None:
        """Return if no logit depends on other examples than its own."""
        self._inner.require_apart(rows)


def noised_step(
    model: RowGradients,
    patients: Patients,
    size: int,
    terms: DpTerms,
    secret: Secret,
    step: int,
) -> FlatF32:
    """Return the noised mean gradient of one step, [size]."""
    tossed = coins(secret.stream("sample", step), len(patients), terms.sampling)
    who = np.flatnonzero(tossed).astype(np.int64)
    draw = generator(secret.stream("vary", step))
    blocks = model.blocks if isinstance(model, FactoredGradients) else ()
    total = clipped_sum(model, patients, who, ClippedSum(size, terms.clip, blocks), draw)
    expected = terms.sampling * terms.patients
    return step_of(total.noised(terms.noise, secret.stream("noise", step)), expected)


def clipped_sum(
    model: RowGradients,
    patients: Patients,
    who: NDArray[np.int64],
    total: ClippedSum,
    draw: np.random.Generator,
) -> ClippedSum:
    """Add the clipped mean gradient of each patient in `who` to `total`, and return it.

    Memory is one physical batch of gradients, whatever `who` holds. Whether a patient's dense
    layers stay in factors depends on that patient's rows alone.
    """
    most = max(1, min(MAX_ROWS, MEMORY // (4 * total.size)))
    space = np.empty((most, total.size), np.float32)
    for rows, counts in patients.batches(who, most):
        found = space[: rows.size]
        if rows.size > most:
            total.add(_mean_of_many(model, rows, space, draw))
        elif counts.size < rows.size:
            model.gradients(rows, draw, found)
            total.add(_means(found, counts))
        elif total.blocks and isinstance(model, FactoredGradients):
            total.add_factored(found, model.factored(rows, draw, found))
        else:
            model.gradients(rows, draw, found)
            total.add(found)
    return total


def _means(rows: NDArray[np.float32], counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the mean of each patient's rows, which lie together, [m, size]."""
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    sums: NDArray[np.float32] = np.add.reduceat(rows, starts, axis=0)
    sums /= counts[:, None].astype(np.float32)
    return sums


def _mean_of_many(
    model: RowGradients,
    rows: NDArray[np.int64],
    space: NDArray[np.float32],
    draw: np.random.Generator,
) -> NDArray[np.float32]:
    """Return the mean gradient of one patient with more rows than fit at once, [1, size]."""
    total = np.zeros(space.shape[1])
    for start in range(0, rows.size, len(space)):
        part = rows[start : start + len(space)]
        model.gradients(part, draw, space[: part.size])
        total += space[: part.size].sum(axis=0, dtype=np.float64)
    return (total / rows.size).astype(np.float32)[None]
