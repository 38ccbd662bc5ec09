"""One Newton step of logistic regression on sums over all sites.

With g and H the gradient and Hessian of the summed negative log-likelihood at beta, and the
penalty 0.5 * l2 * ||weight||^2 on all but the intercept (D = diag(0, 1, ..., 1)):

    beta <- beta - (H + l2 D)^-1 (g + l2 D beta)

which is iteratively reweighted least squares (McCullagh and Nelder 1989, section 2.5). The
sums are exact (fixed_point.py), so this is the step the pooled records would give.

Far from the optimum a full step can overshoot. The caller then goes back half the way and
asks for the sums there (`halfway`), as glm2 does (Marschner 2011, R Journal 3/2). A Hessian
that cannot be inverted is refused with a reason, never patched with an unsigned ridge.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from modelward.errors import TrainingFailed

Vector = NDArray[np.float64]

MAX_LOGIT = 30.0
"""Coefficients of standardised columns beyond this mean separation: exp(30) is 10^13."""

MAX_CONDITION = 1e14
"""Condition number at which float64 has two digits of a step left."""


class NewtonSums(NamedTuple):
    """Sums over training units of the negative log-likelihood at some beta.

    Attributes:
        gradient: [p], the intercept first; p = columns + 1.
        hessian: [p, p], positive semi-definite.
        loss: The negative log-likelihood itself, nats.
        patients: Units that contributed.
    """

    gradient: Vector
    hessian: NDArray[np.float64]
    loss: float
    patients: int


def objective(beta: Vector, sums: NewtonSums, l2: float) -> float:
    """Return the summed loss plus the penalty, nats."""
    return sums.loss + 0.5 * l2 * float(np.sum(np.square(beta[1:])))


def step(beta: Vector, sums: NewtonSums, l2: float) -> Vector:
    """Return the coefficients after one Newton step.

    Args:
        beta: Where the sums were taken, [p], the intercept first.
        sums: Over all sites.
        l2: Penalty on all but the intercept, at least 0.

    Raises:
        TrainingFailed: If the penalised Hessian cannot be inverted, or `beta` has gone where
            no finite optimum is (separation).
    """
    if np.abs(beta).max() > MAX_LOGIT:
        raise TrainingFailed(
            f"a coefficient reached {np.abs(beta).max():.3g}",
            why="coefficients of scaled columns this large mean that the outcome is separated "
            "perfectly, and the likelihood has no maximum",
            remedy="set recipe.options.l2 above 0, or leave out the column that gives it away",
        )
    damped = np.full(beta.size, l2)
    damped[0] = 0.0
    hessian = sums.hessian + np.diag(damped)
    if not np.isfinite(hessian).all() or np.linalg.cond(hessian) > MAX_CONDITION:
        raise TrainingFailed(
            "the Hessian over all sites cannot be inverted",
            why="a column that never varies or repeats others, or an outcome that the columns "
            "separate perfectly, has no unique coefficients",
            remedy="drop the column, or set recipe.options.l2 above 0",
        )
    return np.asarray(beta - np.linalg.solve(hessian, sums.gradient + damped * beta))


def halfway(beta: Vector, moved: Vector) -> Vector:
    """Return the point between, for a step after which the objective rose."""
    return 0.5 * (beta + moved)
