"""ComBat: site effects on measurements, estimated without moving them.

    y = alpha + x . beta + gamma_site + delta_site * error          (Johnson et al. 2007)

A site sums, centred on its own means, what a pooled fit with a term for every site needs
(Frisch and Waugh 1933); alpha, beta and the pooled variance come from the totals exactly, as
in a pooled ComBat. Its own gamma and delta, and their empirical Bayes shrinkage over the
measurements, a site computes alone (site/answering/harmonise.py); they are sent to nobody.

Measurements are the number features but those in `keep`; `keep` and the target (`outcome`)
are effects to be preserved. One round; the state is what sites harmonise by.
"""

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from modelward.core.columns import columns
from modelward.core.counted import Counted, Reading
from modelward.core.faults import Fault
from modelward.core.features import NumberFeature
from modelward.core.study import Study
from modelward.core.tensors import Schema, Tensors, TensorSpec
from modelward.recipes.analysis import Heard, Named, Observed, Vector
from modelward.recipes.statistics.climb import null_direction


class Options(BaseModel):
    """`[recipe.options]` of `combat`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    keep: str = Field(
        default="", description="Features whose effects are preserved, with commas between."
    )
    outcome: bool = Field(default=True, description="Whether the target's effect is preserved.")


class Combat:
    """The recipe `combat`, version 1."""

    name = "combat"
    version = 1

    def __init__(self, options: Options) -> None:
        self.options = options

    @property
    def kept(self) -> list[str]:
        """Features whose effects are preserved."""
        return [name.strip() for name in self.options.keep.split(",") if name.strip()]

    def faults(self, study: Study) -> list[Fault]:
        """Return what does not fit: nothing to harmonise, unknown names, missing values."""
        strange = [name for name in self.kept if name not in study.features]
        found = [Fault("recipe.options.keep", f"{name!r} is no feature") for name in strange]
        if len(self.measured(study)) < 2:  # noqa: PLR2004 - shrinkage is over measurements
            found.append(Fault("features", "at least two numbers are needed beside those kept"))
        if not study.cohort.complete:
            found.append(
                Fault("cohort.complete", "must be true: missing values have no effect")
            )
        if self.options.outcome and study.outcome.type != "boolean":
            found.append(Fault("recipe.options.outcome", "the target is not yes or no"))
        return found

    def measured(self, study: Study) -> list[int]:
        """Return the places of the measurements among the study's columns."""
        return [
            place
            for place, column in enumerate(columns(study))
            if isinstance(study.features[column.feature], NumberFeature)
            and column.feature not in self.kept
        ]

    def effects(self, study: Study) -> list[int]:
        """Return the places of the columns whose effects are preserved."""
        return [n for n, column in enumerate(columns(study)) if column.feature in self.kept]

    def preserved(self, study: Study, observed: Observed) -> Vector:
        """Return the preserved effects of every unit, [n, q]."""
        found = observed.x[:, self.effects(study)]
        if self.options.outcome:
            found = np.column_stack([found, observed.y.astype(np.float64)])
        return found

    def state(self, study: Study) -> Schema:
        """Return alpha, beta and the pooled variance, on the scale of z-scores."""
        width, q = len(self.measured(study)), self._kept_width(study)
        specs = [
            TensorSpec("alpha", "F64", (width,)),
            TensorSpec("figures", "F64", (2,)),  # units, sites
            TensorSpec("stage", "F64", (1,)),
            TensorSpec("variance", "F64", (width,)),
        ]
        return Schema.of(*specs, *([TensorSpec("effects", "F64", (q, width))] if q else []))

    def asked(self, study: Study) -> Schema:
        """Return counts, sums, and centred products."""
        width, q = len(self.measured(study)), self._kept_width(study)
        shapes: dict[str, tuple[int, ...]] = {
            "units": (2,),
            "total": (width,),
            "within": (width,),
        }
        if q:
            shapes |= {"kept": (q,), "cross": (q, width), "square": (q, q)}
        return Schema.of(*(TensorSpec(name, "F64", shape) for name, shape in shapes.items()))

    def counted(self, study: Study, answer: Tensors, units: int) -> Reading:
        """Return how an answer is read; see recipes/analysis.py."""
        del study
        summed = float(answer["units"][0])
        table = Counted("units", np.array([summed]), units)
        if self.options.outcome:
            outcomes = float(answer["kept"][-1])
            table = Counted("outcomes", np.array([outcomes, summed - outcomes]), units)
        wrong = () if answer["units"][1] == 1.0 else ("it says to be of several sites",)
        return Reading((table,), frozenset(answer), wrong)

    def crossed(self, study: Study) -> tuple[int, ...]:
        """Return the columns whose effects are preserved; see recipes/analysis.py."""
        return tuple(self.effects(study))

    def local(self, study: Study, state: Tensors, train: Observed, held: Observed) -> Named:
        """Return a site's sums; see recipes/analysis.py."""
        del state, held
        y, x = train.x[:, self.measured(study)], self.preserved(study, train)
        within, inside = y - y.mean(axis=0), x - x.mean(axis=0)
        found = {
            "units": np.array([len(y), 1.0]),
            "total": y.sum(axis=0),
            "within": np.square(within).sum(axis=0),
        }
        if x.shape[1]:
            found |= {
                "kept": x.sum(axis=0),
                "cross": inside.T @ within,
                "square": inside.T @ inside,
            }
        return found

    def step(self, study: Study, heard: Heard, state: Tensors) -> Named:
        """Return the state with the pooled fit; see recipes/analysis.py."""
        del study, state
        sums = heard.totals
        units = float(sums["units"][0])
        alpha, variance = sums["total"] / units, sums["within"] / units
        found: Named = {"figures": np.array(sums["units"]), "stage": np.ones(1)}
        if "square" in sums:
            if null_direction(np.asarray(sums["square"])) is not None:
                return self._collinear(sums)
            effects = np.linalg.solve(sums["square"], sums["cross"])
            alpha = alpha - (sums["kept"] / units) @ effects
            variance = variance - np.sum(effects * sums["cross"], axis=0) / units
            found["effects"] = effects
        return {**found, "alpha": alpha, "variance": np.maximum(variance, 0.0)}

    def ended(self, state: Tensors) -> str | None:
        """Return that all is summed, once it is."""
        said = ("", "summed: one round gives the pooled fit", "preserved effects are collinear")
        return said[int(state["stage"][0])] or None

    def _collinear(self, sums: Tensors) -> Named:
        width, q = len(sums["total"]), len(sums["square"])
        return {
            "alpha": np.zeros(width),
            "effects": np.zeros((q, width)),
            "figures": np.array(sums["units"]),
            "stage": np.full(1, 2.0),
            "variance": np.zeros(width),
        }

    def _kept_width(self, study: Study) -> int:
        return len(self.effects(study)) + int(self.options.outcome)
