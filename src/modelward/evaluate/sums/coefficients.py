"""Coefficients with standard errors, intervals and p-values, in the units of the study.

A `glm` or `cox` climbs on scaled columns; with z = (x - center) / spread a coefficient per
unit of x is beta / spread, and the covariance follows (delta method, exact as the map is
linear). Linear models estimate their dispersion and use Student's t; the others use the
normal, as R's glm and coxph do.
"""

from dataclasses import dataclass
from math import exp, isfinite, sqrt

import numpy as np
from numpy.typing import NDArray

from modelward.core.tensors import Tensors
from modelward.evaluate.estimate import LEVEL, Z
from modelward.evaluate.sums import tails
from modelward.recipes.catalogue import analysis
from modelward.recipes.statistics import climb
from modelward.recipes.statistics.cox import Cox
from modelward.recipes.statistics.glm import FIGURES as GLM_FIGURES
from modelward.recipes.statistics.glm import Glm
from modelward.study.model import Model, parameter_schema

LARGEST_EXPONENT = 700.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficient:
    """One row of a regression table.

    Attributes:
        name: Column, or `intercept`.
        estimate: Per unit of the study.
        error: Standard error.
        statistic: estimate / error.
        p: Two-sided.
        low: Lower end of the 95 % interval.
        high: Upper end.
        ratio: exp(estimate) with its interval: odds, rate or hazard ratio; None for linear.
    """

    name: str
    estimate: float
    error: float
    statistic: float
    p: float
    low: float
    high: float
    ratio: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardTest:
    """Test of proportional hazards of one column, or of all (`global`)."""

    name: str
    chi_square: float
    freedom: int
    p: float


def state_of(model: Model) -> Tensors:
    """Return the tensors of the state that a finished study of sums ended with."""
    return parameter_schema(model.study).split(model.parameters)


def coefficients(model: Model) -> tuple[Coefficient, ...]:
    """Return the rows of a converged `glm` or `cox`; none for anything else."""
    made, state = analysis(model.study.recipe), state_of(model)
    if not isinstance(made, Glm | Cox) or climb.stage_of(state) != climb.DONE:
        return ()
    names, estimate, covariance = _in_units(model, made, state)
    family = made.options.family if isinstance(made, Glm) else "cox"
    freedom = dispersion = None
    if family == "linear":
        units = float(state["figures"][GLM_FIGURES.index("units")])
        freedom = units - len(names)
        dispersion = _dispersion(state, freedom)
    rows = []
    for place, name in enumerate(names):
        error = sqrt(float(covariance[place, place]) * (dispersion or 1.0))
        if dispersion is not None:
            error = sqrt(float(covariance[place, place]) * dispersion)
        rows.append(_row(name, float(estimate[place]), error, freedom))
    return tuple(rows)


def fit_figures(model: Model) -> dict[str, float]:
    """Return the figures of fit of a `glm` or `cox`; none for anything else."""
    made, state = analysis(model.study.recipe), state_of(model)
    if isinstance(made, Cox):
        return _cox_figures(state)
    return _glm_figures(made, state) if isinstance(made, Glm) else {}


def hazard_tests(model: Model) -> tuple[HazardTest, ...]:
    """Return the test of proportional hazards of every column and of all together."""
    made, state = analysis(model.study.recipe), state_of(model)
    if not isinstance(made, Cox) or climb.stage_of(state) != climb.DONE:
        return ()
    cross, score = np.asarray(state["hazard.cross"]), np.asarray(state["hazard.score"])
    left = state["hazard.square"] - cross.T @ state["covariance"] @ cross
    found = []
    for place, name in enumerate(made.design(model.study).names):
        value = float(score[place] ** 2 / left[place, place])
        found.append(
            HazardTest(name=name, chi_square=value, freedom=1, p=tails.chi_square(value, 1))
        )
    whole = float(score @ np.linalg.pinv(left, hermitian=True) @ score)
    width = len(score)
    together = HazardTest(
        name="global", chi_square=whole, freedom=width, p=tails.chi_square(whole, width)
    )
    return (*found, together)


def named_direction(model: Model) -> tuple[str, ...]:
    """Return the columns that are collinear or separate the outcome; none if nothing is."""
    made, state = analysis(model.study.recipe), state_of(model)
    if not isinstance(made, Glm | Cox):
        return ()
    names = made.design(model.study).names
    if isinstance(made, Glm):
        names = ("intercept", *names)
    return tuple(n for n, d in zip(names, state["direction"], strict=True) if d)


def _in_units(
    model: Model, made: Glm | Cox, state: Tensors
) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64]]:
    """Return names, coefficients and covariance (dispersion 1) in the study's units."""
    design = made.design(model.study)
    center, spread = np.zeros(len(design.places)), np.ones(len(design.places))
    if model.scaling is not None:
        center = model.scaling.center[list(design.places)]
        spread = model.scaling.spread[list(design.places)]
    change = np.diag(1 / spread)
    names = design.names
    if isinstance(made, Glm):
        change = np.block(
            [[np.ones((1, 1)), (-center / spread)[None]], [np.zeros((len(spread), 1)), change]]
        )
        names = ("intercept", *names)
    return names, change @ state["beta"], change @ state["covariance"] @ change.T


def _row(name: str, estimate: float, error: float, freedom: float | None) -> Coefficient:
    statistic = estimate / error
    if freedom is None:
        p, reach = tails.normal_two_sided(statistic), Z
        ends = (estimate, estimate - reach * error, estimate + reach * error)
        ratio = None if name == "intercept" else tuple(map(_exp, ends))
    else:
        p = tails.student_two_sided(statistic, freedom)
        reach, ratio = tails.student_quantile(0.5 + LEVEL / 2, freedom), None
    return Coefficient(
        name=name,
        estimate=estimate,
        error=error,
        statistic=statistic,
        p=p,
        low=estimate - reach * error,
        high=estimate + reach * error,
        ratio=ratio,  # type: ignore[arg-type]
    )


def _exp(value: float) -> float:
    return exp(min(value, LARGEST_EXPONENT))


def _dispersion(state: Tensors, freedom: float) -> float:
    loss = float(state["figures"][GLM_FIGURES.index("loss")])
    return 2 * loss / freedom if freedom > 0 else float("nan")


def _glm_figures(made: Glm, state: Tensors) -> dict[str, float]:
    units, _, total, _, saturated, loss, null = map(float, state["figures"])
    width = len(state["beta"])
    found = {
        "units": units,
        "deviance": 2 * (loss - saturated),
        "null deviance": 2 * (null - saturated),
    }
    if made.options.family == "linear":
        freedom = units - width
        found["residual standard error"] = sqrt(_dispersion(state, freedom))
        found["R squared"] = 1 - loss / null
        if width > 1:
            ratio = (null - loss) / (width - 1) / (loss / freedom)
            found["F"], found["p of F"] = ratio, tails.fisher(ratio, width - 1, freedom)
        return found
    found["events" if made.options.family == "logistic" else "total count"] = total
    return found | _likelihood_ratio(2 * (null - loss), width - 1)


def _cox_figures(state: Tensors) -> dict[str, float]:
    units, events, days, loss, null = map(float, state["figures"])
    found = {"units": units, "events": events, "days of follow-up": days}
    found |= {"log partial likelihood": -loss, "at zero": -null}
    found |= _likelihood_ratio(2 * (null - loss), len(state["beta"]))
    for fold, (agree, differ, tied) in zip(("training", "test"), state["pairs"], strict=True):
        pairs = float(agree + differ + tied)
        if pairs:
            found[f"C-index, {fold} units"] = float(agree + tied / 2) / pairs
    return found


def _likelihood_ratio(value: float, freedom: int) -> dict[str, float]:
    if freedom < 1 or not isfinite(value):
        return {}
    return {
        "likelihood ratio": value,
        "degrees of freedom": freedom,
        "p of likelihood ratio": tails.chi_square(value, freedom),
    }
