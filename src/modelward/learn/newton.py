"""Logistic regression by Newton's method: a site's sums, and the whole fit in one place.

A site answers with the gradient, Hessian and value of its summed negative log-likelihood at
the coefficients it was given (without penalty, which the hub adds once):

    g = X' (p - y)      H = X' diag(p (1 - p)) X      X with a first column of ones

Sums over sites are then exactly the pooled ones up to the site's one rounding to the grid
of 2^-40 (aggregate/fixed_point.py). `fit` runs the same functions on records in one place:
the pooled and local baselines of a report differ from the federated fit in nothing else.

Sums are exact statements about a cohort and carry no privacy bound: they travel only where
a policy allows it. All arithmetic is float64.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelward.aggregate import newton_step
from modelward.aggregate.fixed_point import to_grid
from modelward.aggregate.newton_step import NewtonSums, Vector
from modelward.core.study import Study
from modelward.errors import StudyFileError, TrainingFailed
from modelward.recipes.catalogue import recipe
from modelward.recipes.regression.logistic import Logistic
from modelward.recipes.regression.logit import sigmoid

BLOCK = 4096
"""Rows taken at once. Fixed, because another block size may round differently."""


def sums(
    beta: Vector, x: NDArray[np.float64], y: NDArray[np.int8], patients: int | None = None
) -> NewtonSums:
    """Return a site's sums at `beta`, on the grid of statistics.

    Args:
        beta: Coefficients, float64, [k + 1], the intercept first.
        x: Scaled columns, [n, k], finite.
        y: Outcomes, 0 or 1, [n]; a single class is no obstacle.
        patients: Units behind the rows; n if absent.
    """
    width = beta.size
    gradient, hessian, loss = np.zeros(width), np.zeros((width, width)), 0.0
    for start in range(0, len(y), BLOCK):
        rows = np.asarray(x[start : start + BLOCK], np.float64)
        design = np.concatenate([np.ones((len(rows), 1)), rows], axis=1)
        outcome = y[start : start + BLOCK].astype(np.float64)
        z = design @ beta
        p = sigmoid(z)
        gradient += design.T @ (p - outcome)
        hessian += (design * (p * (1.0 - p))[:, None]).T @ design
        loss += float(np.sum(np.logaddexp(0.0, z) - outcome * z))
    symmetric = 0.5 * (hessian + hessian.T)
    return NewtonSums(
        gradient=to_grid(gradient),
        hessian=to_grid(symmetric),
        loss=float(to_grid(np.array(loss))),
        patients=len(y) if patients is None else patients,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A converged fit.

    Attributes:
        beta: Coefficients, [k + 1], the intercept first.
        steps: Newton steps taken, halved ones included.
        objective: Summed loss plus penalty at `beta`, nats.
    """

    beta: Vector
    steps: int
    objective: float


def fit(
    x: NDArray[np.float64],
    y: NDArray[np.int8],
    l2: float,
    *,
    tolerance: float = 1e-10,
    max_steps: int = 50,
) -> Fit:
    """Return the coefficients that minimise loss + 0.5 * l2 * ||weight||^2 on records here.

    Args:
        x: Scaled columns, [n, k].
        y: Outcomes, 0 or 1, [n].
        l2: Penalty on all but the intercept; above 0 if there is a single class.
        tolerance: Stop when no coefficient moves further than this.
        max_steps: Sums taken at most.

    Raises:
        TrainingFailed: If there is no unique optimum, or `max_steps` did not reach it.
    """
    beta = np.zeros(x.shape[1] + 1)
    best = newton_step.objective(beta, here := sums(beta, x, y), l2)
    moved = newton_step.step(beta, here, l2)
    for steps in range(1, max_steps + 1):
        there = sums(moved, x, y)
        value = newton_step.objective(moved, there, l2)
        if np.abs(moved - beta).max() <= tolerance:
            return Fit(moved, steps, value)
        if value > best + 1e-12 * abs(best):
            moved = newton_step.halfway(beta, moved)
            continue
        beta, best = moved, value
        moved = newton_step.step(beta, there, l2)
    raise TrainingFailed(
        f"Newton's method moved further than {tolerance:g} in each of {max_steps} steps",
        why="coefficients that still move are not the optimum",
        remedy="set recipe.options.l2 above 0, or raise plan.rounds",
    )


def l2_of(study: Study) -> float:
    """Return the penalty of a study that is trained by Newton steps.

    Raises:
        StudyFileError: If its recipe cannot be trained so.
    """
    trained = recipe(study.recipe)
    if not isinstance(trained, Logistic):
        raise StudyFileError(
            f"recipe {study.recipe.name!r} cannot be trained by Newton steps",
            why="they are exact for logistic regression only",
            remedy='use [recipe] name = "logistic", or [plan] strategy = "fedavg"',
        )
    return trained.options.l2
