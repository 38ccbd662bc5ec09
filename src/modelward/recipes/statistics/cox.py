"""Cox regression, stratified by site, by Newton's method on exact sums.

Each site is a stratum: its baseline hazard is its own, and risk sets are never compared over
sites, so gradient, Hessian and log-likelihood are sums over sites of what each computes alone
(Cox 1972; stratified as in Kalbfleisch and Prentice 2002, section 4.4). `strata` splits a site
further. partial_likelihood.py has the sums, climb.py the steps.

A last round is asked at the maximum: sums for the test of proportional hazards, and pairs of
patients of one site whose order the risks predict (Harrell's C), of training and test units.
"""

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from modelward.core.columns import columns
from modelward.core.counted import Counted, Reading
from modelward.core.faults import Fault
from modelward.core.study import Study
from modelward.core.tensors import Schema, Tensors, TensorSpec
from modelward.recipes.analysis import (
    Design,
    Heard,
    Named,
    Observed,
    choice_faults,
    codes_of,
    design,
    target_faults,
)
from modelward.recipes.statistics import climb
from modelward.recipes.statistics.climb import Slope, Terms
from modelward.recipes.statistics.concordance import pairs
from modelward.recipes.statistics.partial_likelihood import PartialSums, Ties, stratum

FIGURES = ("units", "events", "days", "loss", "null")
"""What the state keeps besides coefficients, in this order."""

FOLDS = ("train", "test")
"""Rows of `pairs`: concordant, discordant, tied."""


class Options(BaseModel):
    """`[recipe.options]` of `cox`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    ties: Ties = Field(default="efron", description="How events at the same time count.")
    strata: str = Field(
        default="", description="Category or boolean feature that splits each site's stratum."
    )
    l2: float = Field(
        default=0.0, ge=0, allow_inf_nan=False, description="Penalty on the coefficients."
    )


class Cox:
    """The recipe `cox`, version 1."""

    name = "cox"
    version = 1

    def __init__(self, options: Options) -> None:
        self.options = options

    def faults(self, study: Study) -> list[Fault]:
        """Return what does not fit: the target's type, the strata, or no column left."""
        found = target_faults(study, "time-to-event")
        found += choice_faults(study, "strata", self.options.strata or None)
        if not self.design(study).listed:
            found.append(Fault("features", "no column is left beside the strata"))
        return found

    def design(self, study: Study) -> Design:
        """Return the columns that have a coefficient."""
        return design(study, (self.options.strata,))

    def state(self, study: Study) -> Schema:
        """Return a climb's tensors, figures of fit, and what the last round brings."""
        width = len(self.design(study).listed)
        return Schema.of(
            *climb.specs(width),
            TensorSpec("figures", "F64", (len(FIGURES),)),
            TensorSpec("pairs", "F64", (len(FOLDS), 3)),
            *_hazard_specs(width),
        )

    def asked(self, study: Study) -> Schema:
        """Return slope and counts; and, in the last round, what it is for (else zeros)."""
        width = len(self.design(study).listed)
        return Schema.of(
            TensorSpec("followed", "F64", (3,)),
            TensorSpec("gradient", "F64", (width,)),
            TensorSpec("hessian", "F64", (width, width)),
            TensorSpec("loss", "F64", (1,)),
            TensorSpec("pairs", "F64", (len(FOLDS), 3)),
            *_hazard_specs(width),
        )

    def counted(self, study: Study, answer: Tensors, units: int) -> Reading:
        """Return how an answer is read; see recipes/analysis.py.

        Pairs of patients are no persons, but a few pairs are of a few persons.
        """
        del study
        followed, events, _ = answer["followed"]
        tables = (
            Counted("followed", np.array([events, followed - events]), units),
            Counted("pairs", answer["pairs"].sum(axis=1)),
        )
        return Reading(tables, frozenset(answer))

    def crossed(self, study: Study) -> tuple[int, ...]:
        """Return all columns, those of the strata too; see recipes/analysis.py."""
        return tuple(range(len(columns(study))))

    def local(self, study: Study, state: Tensors, train: Observed, held: Observed) -> Named:
        """Return a site's sums at the state's beta; see recipes/analysis.py."""
        beta = np.asarray(state["beta"], np.float64)
        places = list(self.design(study).places)
        sums = self._sums(study, beta, train)
        last = climb.stage_of(state) == climb.FINISHING
        found = np.zeros((len(FOLDS), 3))
        if last:
            for row, fold in enumerate((train, held)):
                if len(fold.y):
                    found[row] = pairs(fold.x[:, places] @ beta, fold.measured, fold.y)
        keep = float(last)
        return {
            "followed": np.array(
                [len(train.y), np.count_nonzero(train.y), train.measured.sum()], np.float64
            ),
            "gradient": sums.gradient,
            "hessian": sums.hessian,
            "loss": sums.loss,
            "pairs": found,
            "hazard.cross": keep * sums.cross,
            "hazard.score": keep * sums.score,
            "hazard.square": keep * sums.square,
        }

    def step(self, study: Study, heard: Heard, state: Tensors) -> Named:
        """Return the state after one more round; see recipes/analysis.py."""
        totals = heard.totals
        after = {name: np.array(values) for name, values in state.items()}
        here = Slope(totals["gradient"], totals["hessian"], float(totals["loss"][0]))
        after["figures"][:4] = [*totals["followed"], here.loss]
        if climb.stage_of(state) == climb.FINISHING:
            kept = {n: totals[n] for n in (*(s.name for s in _hazard_specs(1)), "pairs")}
            return {**after, **kept, "stage": np.array([float(climb.DONE)])}
        if not totals["followed"][1]:
            return {**after, "stage": np.array([float(climb.ONE_OUTCOME)])}
        if state["objective"][1]:
            return climb.climb(after, here, self._terms(study))
        after["figures"][4] = here.loss
        return climb.begin(after, here, self._terms(study))

    def ended(self, state: Tensors) -> str | None:
        """Return why the study is finished, or None while it is not."""
        return {
            climb.DONE: "converged: the partial likelihood is at its maximum",
            climb.COLLINEAR: "no unique coefficients: columns are collinear within sites",
            climb.SEPARATED: "no finite coefficients: a column tells the order of events apart",
            climb.ONE_OUTCOME: "no coefficients: nobody has the event",
        }.get(climb.stage_of(state))

    def _terms(self, study: Study) -> Terms:
        return Terms(
            np.full(len(self.design(study).listed), self.options.l2), study.stop.tolerance
        )

    def _sums(self, study: Study, beta: NDArray[np.float64], observed: Observed) -> PartialSums:
        """Return the sums over the strata of one site."""
        x = observed.x[:, list(self.design(study).places)]
        named = np.zeros(len(x), np.int64)
        if self.options.strata:
            named = codes_of(study, self.options.strata, observed.raw)
        total = PartialSums.none(len(beta))
        for code in np.unique(named):
            own = named == code
            total.add(
                stratum(
                    beta, x[own], observed.measured[own], observed.y[own], self.options.ties
                )
            )
        return total


def _hazard_specs(width: int) -> list[TensorSpec]:
    return [
        TensorSpec("hazard.cross", "F64", (width, width)),
        TensorSpec("hazard.score", "F64", (width,)),
        TensorSpec("hazard.square", "F64", (width, width)),
    ]
