"""A site's own shift and spread, taken out of its measurements (ComBat, at the site).

    r = (y - alpha - x . beta) / s            with the pooled fit (recipes/statistics/combat.py)
    gamma, delta                              mean and variance of r over the site's units,
                                              shrunk over measurements by empirical Bayes
    harmonised = (r - gamma) / sqrt(delta) * s + alpha + x . beta

Johnson et al. 2007, Biostatistics 8(1), section 3.2, with parametric priors. Nothing leaves:
gamma and delta are computed here and kept by whoever asked.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import columns
from modelward.errors import DataError
from modelward.evaluate.sums.coefficients import state_of
from modelward.readers.dataset import Dataset, Source
from modelward.readers.tables.table import read_table
from modelward.recipes.analysis import Observed
from modelward.recipes.catalogue import analysis
from modelward.recipes.statistics.combat import Combat
from modelward.study.model import Model

Vector = NDArray[np.float64]

STEPS, TOLERANCE = 1000, 1e-10
"""Most iterations of the shrinkage, and when it has come to rest."""


@dataclass(frozen=True, slots=True, eq=False)
class Harmonised:
    """Measurements of one site without its own shift and spread.

    Attributes:
        names: The measurements.
        values: In the study's units, [n, measurements].
        shift: gamma after shrinkage, in pooled standard deviations.
        spread: delta after shrinkage, as a share of the pooled variance.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    shift: Vector
    spread: Vector


def harmonise(model: Model, observed: Observed) -> Harmonised:
    """Return the measurements of `observed` units of one site, harmonised.

    Args:
        model: The result of a finished study with the recipe `combat`.
        observed: The site's units, at least 3.

    Raises:
        DataError: If the study is no ComBat study, or there are too few units.
    """
    made, state = analysis(model.study.recipe), state_of(model)
    if not isinstance(made, Combat) or state["stage"][0] != 1 or len(observed.y) < 3:  # noqa: PLR2004
        raise DataError(
            f"{len(observed.y)} units cannot be harmonised by study {model.study.id}",
            why="it takes a finished study with the recipe 'combat', and a spread of units",
            remedy="export the model of such a study, and give it a table with more units",
        )
    places = made.measured(model.study)
    y, kept = observed.x[:, places], made.preserved(model.study, observed)
    fitted = np.broadcast_to(state["alpha"], y.shape)
    if kept.shape[1]:
        fitted = fitted + kept @ state["effects"]
    size = np.sqrt(np.where(state["variance"] > 0, state["variance"], 1.0))
    residual = (y - fitted) / size
    shift, spread = shrunk(residual)
    values = (residual - shift) / np.sqrt(spread) * size + fitted
    if model.scaling is not None:
        values = values * model.scaling.spread[places] + model.scaling.center[places]
    names = tuple(columns(model.study)[place].name for place in places)
    return Harmonised(names, values, shift, spread)


def shrunk(residual: NDArray[np.float64]) -> tuple[Vector, Vector]:
    """Return shift and spread of every measurement, shrunk over the measurements.

    Args:
        residual: Standardised residuals of one site, [n, measurements].
    """
    n = len(residual)
    shift, spread = residual.mean(axis=0), residual.var(axis=0, ddof=1)
    middle, width = float(shift.mean()), float(shift.var(ddof=1))
    mean, variance = float(spread.mean()), float(spread.var(ddof=1))
    if not width > 0 or not variance > 0:
        return shift, np.where(spread > 0, spread, 1.0)
    shape, scale = 2 + mean**2 / variance, mean + mean**3 / variance
    here, wide = shift, spread
    for _ in range(STEPS):
        moved = (width * n * shift + wide * middle) / (width * n + wide)
        left = np.square(residual - moved).sum(axis=0)
        widened = (left / 2 + scale) / (n / 2 + shape - 1)
        still = max(np.abs(moved - here).max(), np.abs(widened - wide).max()) <= TOLERANCE
        here, wide = moved, widened
        if still:
            break
    return here, wide


def harmonise_file(
    model: Model, data: Path, out: Path, *, patient: str | None = None
) -> Harmonised:
    """Write the harmonised measurements of the table at `data` to the CSV file `out`.

    Raises:
        DataError: If the table does not fit the study.
    """
    source = Source(kind="table", path=str(data), patient=patient)
    cohort = read_table(data, Dataset(dataset=source), model.study)
    x = cohort.x if model.scaling is None else model.scaling.apply(cohort.x)
    found = harmonise(model, Observed(raw=cohort.x, x=x, y=cohort.y, amount=cohort.amount))
    lines = [",".join(["unit", *found.names])]
    for unit, row in zip(cohort.ids, found.values.tolist(), strict=True):
        lines.append(",".join([unit, *(repr(value) for value in row)]))
    out.write_text("\n".join(lines) + "\n", "utf-8")
    return found
