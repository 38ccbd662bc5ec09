"""Newton's method over rounds: one step on sums, and a clear answer where there is no maximum.

    beta <- beta - (H + l2 I)^-1 (g + l2 beta)

g and H are gradient and Hessian of the negative log-likelihood, summed over sites, at the
beta that was sent. A step after which the objective rose is halved (Marschner 2011, glm2).
Two things have no coefficients, and are said, not patched:

    collinear    a column never varies, or is a combination of others: H at the start is
                 singular, and its null vector names the columns
    separated    the columns tell the outcome apart perfectly, or nobody of a group has it:
                 the likelihood has no maximum (Albert and Anderson 1984), information along
                 one direction fades by about 1/e a step, and that direction names the columns

What is summed is glm.py's and cox.py's business.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelward.core.tensors import Tensors, TensorSpec
from modelward.recipes.analysis import Named, Vector

RUNNING, FINISHING, DONE, COLLINEAR, SEPARATED, ONE_OUTCOME = range(6)
"""Stages, as they stand in the state."""

SINGULAR = 1e-9
"""Eigenvalue of the Hessian, scaled to ones on its diagonal, that is still taken for 0."""

FADED = 1e-6
"""Share of the information at the start below which a direction is taken for separated."""


@dataclass(frozen=True, slots=True)
class Slope:
    """Sums over all sites at one beta: gradient [p], Hessian [p, p] and loss, nats."""

    gradient: Vector
    hessian: NDArray[np.float64]
    loss: float


@dataclass(frozen=True, slots=True)
class Terms:
    """How the climb goes.

    Attributes:
        penalty: l2 for each coefficient, [p].
        tolerance: Converged when no coefficient moves further than this.
    """

    penalty: Vector
    tolerance: float


def specs(width: int) -> list[TensorSpec]:
    """Return the tensors of a state that climbs with `width` coefficients."""
    return [
        TensorSpec("beta", "F64", (width,)),
        TensorSpec("before", "F64", (width,)),
        TensorSpec("covariance", "F64", (width, width)),
        TensorSpec("direction", "F64", (width,)),
        TensorSpec("objective", "F64", (2,)),  # value at `before`, and whether there is one
        TensorSpec("stage", "F64", (1,)),
        TensorSpec("start", "F64", (width, width)),
    ]


def stage_of(state: Tensors) -> int:
    """Return the stage of a state."""
    return int(state["stage"][0])


def begin(state: Tensors, here: Slope, terms: Terms) -> Named:
    """Return the state after the first step, or one that says that columns are collinear."""
    after = {name: np.array(values) for name, values in state.items()}
    after["start"] = here.hessian
    null = null_direction(here.hessian + np.diag(terms.penalty))
    if null is not None:
        return {**after, "direction": null, "stage": np.array([float(COLLINEAR)])}
    return climb(after, here, terms)


def climb(state: Tensors, here: Slope, terms: Terms) -> Named:
    """Return the state after one more step from sums at its beta.

    Once converged, the covariance is the inverse of the (penalised) Hessian there and the
    stage is FINISHING.
    """
    after = {name: np.array(values) for name, values in state.items()}
    beta = after["beta"]
    value = here.loss + 0.5 * float(terms.penalty @ np.square(beta))
    last, known = after["objective"]
    if known and not value <= last + 1e-12 * abs(last) + 1e-12:
        return {**after, "beta": 0.5 * (after["before"] + beta)}
    hessian = here.hessian + np.diag(terms.penalty)
    faded = faded_direction(hessian, after["start"] + np.diag(terms.penalty))
    if faded is not None:
        return {**after, "direction": faded, "stage": np.array([float(SEPARATED)])}
    moved = beta - np.linalg.solve(hessian, here.gradient + terms.penalty * beta)
    after |= {"before": beta, "beta": moved, "objective": np.array([value, 1.0])}
    if np.abs(moved - beta).max(initial=0.0) <= terms.tolerance:
        after["covariance"] = symmetric_inverse(hessian)
        after["stage"] = np.array([float(FINISHING)])
    return after


def null_direction(hessian: NDArray[np.float64]) -> Vector | None:
    """Return a direction in which the Hessian is flat, in units of columns; None if none."""
    size = np.sqrt(np.maximum(np.diag(hessian), 0.0))
    flat = size <= 1e-9 * max(float(size.max(initial=0.0)), 1e-300)
    if flat.any():
        return flat.astype(np.float64)
    values, vectors = np.linalg.eigh(hessian / np.outer(size, size))
    if values[0] > SINGULAR:
        return None
    return _named(vectors[:, 0])


def faded_direction(hessian: NDArray[np.float64], start: NDArray[np.float64]) -> Vector | None:
    """Return a direction along which information has faded since the start; None if none."""
    if not np.isfinite(hessian).all():
        return np.ones(len(hessian))
    values, vectors = np.linalg.eigh(start)
    if values[0] <= 0:
        return None
    whiten = vectors / np.sqrt(values)
    shares, directions = np.linalg.eigh(whiten.T @ hessian @ whiten)
    if shares[0] > FADED:
        return None
    along = whiten @ directions[:, 0]
    return _named(along * np.sqrt(np.diag(start)))


def symmetric_inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inverse of a symmetric positive matrix, symmetric to the last bit."""
    inverse = np.linalg.inv(matrix)
    return np.asarray(0.5 * (inverse + inverse.T))


def _named(direction: Vector) -> Vector:
    """Return a direction with its largest entry 1 and what is nearly 0 at 0."""
    largest = direction[np.argmax(np.abs(direction))]
    scaled = direction / largest
    return np.where(np.abs(scaled) < 0.05, 0.0, scaled)  # noqa: PLR2004 - not worth a name
