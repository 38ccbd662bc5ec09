"""The Cox partial likelihood of one stratum, and the test of proportional hazards.

With w = exp(x . beta), risk set R(t) and d deaths at t (Breslow 1974; Efron 1977):

    log L = sum over deaths of eta - sum over l = 0..d-1 of log D_l
    D_l   = sum of w over R(t) - (l / d) sum of w over those who die at t     Efron
    D_l   = sum of w over R(t)                                                Breslow

Proportional hazards are tested by the score of beta + theta g(t) at theta = 0 (Grambsch and
Therneau 1994, as survival 3 computes it): `score` holds sums of g times Schoenfeld residuals,
`cross` and `square` sums of g and g^2 times the information of each death. g(t) = log(1 + t)
depends on no data, so that sums over sites mean something.

Sums over risk sets are sums over rows, each with the total of 1 / D_l over the deaths that it
was at risk for: O(n p^2), whatever the number of deaths.
"""

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Ties = Literal["efron", "breslow"]


@dataclass(slots=True, eq=False)
class PartialSums:
    """Sums over strata, of the negative log partial likelihood.

    Attributes:
        gradient: [p].
        hessian: [p, p].
        loss: Value, nats, [1].
        score: Of theta, [p]; positive residuals grow with g.
        cross: [p, p], between beta and theta.
        square: [p, p], of theta.
    """

    gradient: Vector
    hessian: NDArray[np.float64]
    loss: Vector
    score: Vector
    cross: NDArray[np.float64]
    square: NDArray[np.float64]

    @classmethod
    def none(cls, width: int) -> "PartialSums":
        """Return sums over nobody."""
        flat, table = (width,), (width, width)
        shapes = (flat, table, (1,), flat, table, table)
        return cls(*(np.zeros(shape) for shape in shapes))

    def add(self, other: "PartialSums") -> None:
        """Add another stratum."""
        for each in fields(self):
            getattr(self, each.name)[...] += getattr(other, each.name)


@dataclass(frozen=True, slots=True, eq=False)
class _Deaths:
    """One row per death, in order of time.

    Attributes:
        low: Place of the first row at risk, in order of time.
        first: Place of the first row that dies at the same time.
        many: Deaths at the same time.
        share: l / d; 0 with Breslow ties.
    """

    low: NDArray[np.int64]
    share: Vector
    group: NDArray[np.int64]


def log_time(days: Vector) -> Vector:
    """Return g(t) of the test of proportional hazards."""
    return np.log1p(days)


def stratum(
    beta: Vector, x: NDArray[np.float64], days: Vector, event: NDArray[np.int8], ties: Ties
) -> PartialSums:
    """Return the sums of one stratum at `beta`.

    Args:
        beta: Coefficients, [p].
        x: Columns, [n, p].
        days: Follow-up, [n], at least 0.
        event: 1 where it ended with the event.
        ties: How deaths at the same time are counted.
    """
    order = np.lexsort((event, days))
    x, days = x[order], days[order]
    dead: NDArray[np.bool_] = event[order] == 1
    sums = PartialSums.none(len(beta))
    if not dead.any():
        return sums
    x = x - x.mean(axis=0)  # risk sets stay, and a constant column becomes 0
    eta = x @ beta
    top = float(eta.max())
    w = np.exp(eta - top)
    deaths = _deaths(days, dead, ties)
    dead_w, dead_x = _by_time(w * dead, deaths), _by_time((w * dead)[:, None] * x, deaths)
    risk_w, risk_x = _from(w)[deaths.low], _from(w[:, None] * x)[deaths.low]
    below = risk_w - deaths.share * dead_w
    mean = (risk_x - deaths.share[:, None] * dead_x) / below[:, None]
    g = log_time(days[dead])
    residual = x[dead] - mean
    sums.loss[0] = -float(np.sum(eta[dead] - top)) + float(np.sum(np.log(below)))
    sums.gradient[:] = -residual.sum(axis=0)
    sums.score[:] = g @ residual
    for into, power in ((sums.hessian, 0), (sums.cross, 1), (sums.square, 2)):
        weight = g**power
        rows = w * _at_risk(weight / below, weight * deaths.share / below, deaths, dead)
        table = (x * rows[:, None]).T @ x - (mean * weight[:, None]).T @ mean
        into[:] = 0.5 * (table + table.T)
    return sums


def _deaths(days: Vector, event: NDArray[np.bool_], ties: Ties) -> _Deaths:
    at = days[event]
    _, group, many = np.unique(at, return_inverse=True, return_counts=True)
    first = np.concatenate([[0], np.cumsum(many)[:-1]])
    share = (np.arange(len(at)) - first[group]) / many[group]
    if ties == "breslow":
        share = np.zeros(len(at))
    return _Deaths(low=np.searchsorted(days, at, "left"), share=share, group=group)


def _from(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of each row and all rows after it."""
    return np.asarray(np.cumsum(values[::-1], axis=0)[::-1])


def _by_time(values: NDArray[np.float64], deaths: _Deaths) -> NDArray[np.float64]:
    """Return, per death, the sum of `values` over all who die at the same time.

    Args:
        values: Per row in order of time; 0 for rows without a death.
        deaths: Of the stratum.
    """
    upto = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    edges = np.append(np.unique(deaths.low), len(values))
    return np.asarray((upto[edges[1:]] - upto[edges[:-1]])[deaths.group])


def _at_risk(each: Vector, tied: Vector, deaths: _Deaths, event: NDArray[np.bool_]) -> Vector:
    """Return, per row, what the deaths that it was at risk for come to.

    Args:
        each: Per death, what it adds to every row at risk.
        tied: Per death, what it takes from those who die at the same time.
        deaths: Of the stratum.
        event: Which rows die.
    """
    added = np.zeros(len(event) + 1)
    np.add.at(added, deaths.low, each)
    total = np.cumsum(added[:-1])
    total[event] -= np.bincount(deaths.group, weights=tied)[deaths.group]
    return total
