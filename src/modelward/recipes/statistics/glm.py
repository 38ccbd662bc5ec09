"""Generalised linear models by Newton's method on exact sums: linear, logistic, Poisson.

    eta = intercept + x . beta (+ log exposure)
    linear     mean = eta              loss = sum (y - mean)^2 / 2
    logistic   mean = 1/(1 + e^-eta)   loss = sum log(1 + e^eta) - y eta
    poisson    mean = e^eta            loss = sum mean - y eta

with canonical links (McCullagh and Nelder 1989, chapter 2), so that the gradient is
X'(mean - y) and the Hessian X' diag(variance) X. The first question is asked at beta = 0, the
second at the intercept of a model without columns, where the null deviance comes from; then
climb.py goes up. What becomes of the coefficients is evaluate/sums/coefficients.py's business.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from modelward.core.columns import columns
from modelward.core.counted import Counted, Reading
from modelward.core.faults import Fault
from modelward.core.features import NumberFeature
from modelward.core.study import Study
from modelward.core.tensors import Schema, Tensors, TensorSpec
from modelward.recipes.analysis import (
    Design,
    Heard,
    Named,
    Observed,
    Vector,
    design,
    target_faults,
)
from modelward.recipes.regression.logit import sigmoid
from modelward.recipes.statistics import climb
from modelward.recipes.statistics.climb import Slope, Terms

BLOCK = 4096
"""Rows taken at once. Fixed, because another block size may round differently."""

FIGURES = ("units", "exposure", "y", "square", "saturated", "loss", "null")
"""What the state keeps besides coefficients, in this order."""

AT_ZERO, AT_NULL = 0.0, 1.0
"""Which question the first two rounds ask; 2 afterwards."""


class Options(BaseModel):
    """`[recipe.options]` of `glm`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    family: Literal["logistic", "linear", "poisson"] = Field(
        default="logistic", description="What the outcome is: yes or no, a value, a count."
    )
    exposure: str = Field(
        default="", description="Poisson: number feature that counts are per; no coefficient."
    )
    l2: float = Field(
        default=0.0, ge=0, allow_inf_nan=False, description="Penalty on all but the intercept."
    )


class Glm:
    """The recipe `glm`, version 1."""

    name = "glm"
    version = 1

    def __init__(self, options: Options) -> None:
        self.options = options

    def faults(self, study: Study) -> list[Fault]:
        """Return what does not fit: the target's type, or the exposure."""
        wanted = "boolean" if self.options.family == "logistic" else "number"
        found = target_faults(study, wanted)
        named = self.options.exposure
        feature = study.features.get(named)
        if named and (not isinstance(feature, NumberFeature) or feature.range[0] <= 0):
            says = f"{named!r} is no number feature with a range above 0"
            found.append(Fault("recipe.options.exposure", says))
        if named and self.options.family != "poisson":
            found.append(Fault("recipe.options.exposure", "is for the family 'poisson' only"))
        return found

    def design(self, study: Study) -> Design:
        """Return the columns that have a coefficient, the intercept not among them."""
        return design(study, (self.options.exposure,))

    def state(self, study: Study) -> Schema:
        """Return a climb's tensors for intercept and columns, and the figures of fit."""
        width = len(self.design(study).listed) + 1
        return Schema.of(
            *climb.specs(width),
            TensorSpec("asks", "F64", (1,)),
            TensorSpec("figures", "F64", (len(FIGURES),)),
        )

    def asked(self, study: Study) -> Schema:
        """Return gradient, Hessian, loss and five sums over outcomes."""
        width = len(self.design(study).listed) + 1
        return Schema.of(
            TensorSpec("gradient", "F64", (width,)),
            TensorSpec("hessian", "F64", (width, width)),
            TensorSpec("loss", "F64", (1,)),
            TensorSpec("outcomes", "F64", (5,)),
        )

    def counted(self, study: Study, answer: Tensors, units: int) -> Reading:
        """Return how an answer is read; see recipes/analysis.py."""
        del study
        summed, _, outcomes, _, _ = answer["outcomes"]
        tables = [Counted("units", np.array([summed]), units)]
        if self.options.family == "logistic":
            tables = [Counted("outcomes", np.array([outcomes, summed - outcomes]), units)]
        return Reading(tuple(tables), frozenset(answer))

    def crossed(self, study: Study) -> tuple[int, ...]:
        """Return the columns with a coefficient; see recipes/analysis.py."""
        return self.design(study).places

    def local(self, study: Study, state: Tensors, train: Observed, held: Observed) -> Named:
        """Return a site's sums at the state's beta; see recipes/analysis.py."""
        del held
        x = train.x[:, list(self.design(study).places)]
        y = self._outcome(train)
        exposure = self._exposure(study, train)
        beta = np.asarray(state["beta"], np.float64)
        width = len(beta)
        gradient, hessian, loss = np.zeros(width), np.zeros((width, width)), 0.0
        for start in range(0, len(y), BLOCK):
            rows = slice(start, start + BLOCK)
            block = np.concatenate([np.ones((len(x[rows]), 1)), x[rows]], axis=1)
            eta = block @ beta + np.log(exposure[rows])
            mean, variance, lost = _moments(self.options.family, eta, y[rows])
            gradient += block.T @ (mean - y[rows])
            hessian += (block * variance[:, None]).T @ block
            loss += lost
        sums = [len(y), exposure.sum(), y.sum(), np.square(y).sum(), self._saturated(y)]
        return {
            "gradient": gradient,
            "hessian": 0.5 * (hessian + hessian.T),
            "loss": np.array([loss]),
            "outcomes": np.array(sums, np.float64),
        }

    def step(self, study: Study, heard: Heard, state: Tensors) -> Named:
        """Return the state after one more round; see recipes/analysis.py."""
        totals = heard.totals
        after = {name: np.array(values) for name, values in state.items()}
        here = Slope(totals["gradient"], totals["hessian"], float(totals["loss"][0]))
        after["figures"][:6] = [*totals["outcomes"], here.loss]
        asks = float(state["asks"][0])
        if asks == AT_ZERO:
            return self._to_null(after)
        if asks == AT_NULL:
            after["figures"][6] = here.loss
            after["asks"] = np.array([2.0])
            return self._finish(climb.begin(after, here, self._terms(study)))
        return self._finish(climb.climb(after, here, self._terms(study)))

    def ended(self, state: Tensors) -> str | None:
        """Return why the study is finished, or None while it is not."""
        return {
            climb.DONE: "converged: the likelihood is at its maximum",
            climb.COLLINEAR: "no unique coefficients: columns are collinear",
            climb.SEPARATED: "no finite coefficients: columns separate the outcome",
            climb.ONE_OUTCOME: "no coefficients: the outcome never varies",
        }.get(climb.stage_of(state))

    def _to_null(self, after: Named) -> Named:
        """Set the intercept to that of a model without columns."""
        units, exposure, total, square, *_ = after["figures"]
        share, spread = total / max(units, 1.0), square - total**2 / max(units, 1.0)
        never = {"logistic": share in {0.0, 1.0}, "poisson": total <= 0, "linear": spread <= 0}
        if never[self.options.family]:
            return {**after, "stage": np.array([float(climb.ONE_OUTCOME)])}
        start = {
            "linear": share,
            "logistic": np.log(share / (1 - share)) if 0 < share < 1 else 0.0,
            "poisson": np.log(total / exposure) if total > 0 else 0.0,
        }
        after["beta"][0] = start[self.options.family]
        return {**after, "asks": np.array([AT_NULL])}

    def _finish(self, after: Named) -> Named:
        """Return the state with a converged climb done: its sums are those at the maximum."""
        if climb.stage_of(after) == climb.FINISHING:
            after["stage"] = np.array([float(climb.DONE)])
        return after

    def _terms(self, study: Study) -> Terms:
        penalty = np.full(len(self.design(study).listed) + 1, self.options.l2)
        penalty[0] = 0.0
        return Terms(penalty, study.stop.tolerance)

    def _outcome(self, observed: Observed) -> Vector:
        if self.options.family == "logistic":
            return observed.y.astype(np.float64)
        return observed.measured

    def _exposure(self, study: Study, observed: Observed) -> Vector:
        """Return what counts are per, [n]; 1 where it is missing or there is none."""
        if not self.options.exposure:
            return np.ones(len(observed.y))
        place = [c.feature for c in columns(study)].index(self.options.exposure)
        return np.nan_to_num(observed.raw[:, place], nan=1.0)

    def _saturated(self, y: Vector) -> float:
        """Return the loss of a model that fits every unit."""
        if self.options.family != "poisson":
            return 0.0
        some = y[y > 0]
        return float(np.sum(some - some * np.log(some)))


def _moments(family: str, eta: NDArray[np.float64], y: Vector) -> tuple[Vector, Vector, float]:
    """Return mean, variance (of unit dispersion) and summed loss at `eta`, [n] each."""
    if family == "linear":
        return eta, np.ones_like(eta), 0.5 * float(np.sum(np.square(y - eta)))
    if family == "poisson":
        rate = np.exp(np.minimum(eta, 40.0))  # a step too far is seen by its loss, and halved
        return rate, rate, float(np.sum(rate - y * eta))
    share = sigmoid(eta)
    return share, share * (1 - share), float(np.sum(np.logaddexp(0.0, eta) - y * eta))
