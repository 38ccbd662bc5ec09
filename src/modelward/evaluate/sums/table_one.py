"""Table 1 from sums: means, spreads, quartiles, counts, tests, and how sites differ.

Rows are of a feature over groups, differences of a feature between sites. What figures are
computed from which sums is moments.py's.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import columns
from modelward.core.features import NumberFeature
from modelward.core.tensors import Tensors
from modelward.evaluate.sums.coefficients import state_of
from modelward.evaluate.sums.moments import (
    level_distance,
    mean_distance,
    moments,
    pearson,
    quartiles,
    variance_test,
    welch,
)
from modelward.recipes.catalogue import analysis
from modelward.recipes.statistics.describe import Describe
from modelward.study.model import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberCell:
    """A number in one group: known values, mean, standard deviation and quartiles."""

    known: int
    mean: float | None
    spread: float | None
    quartiles: tuple[float, float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelCell:
    """A level in one group: units at sites that show it, and sites that hide it."""

    count: int
    share: float | None
    hidden_sites: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of Table 1.

    Attributes:
        feature: Its name.
        unit: UCUM unit of a number; "" else.
        level: Of a category; None for a number.
        cells: One per group.
        p: Of the test between groups, on the first line of a feature; None if none was made.
        test: Name of the test; "" if none.
    """

    feature: str
    unit: str
    level: str | None
    cells: tuple[NumberCell | LevelCell, ...]
    p: float | None = None
    test: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How sites differ in one feature.

    Attributes:
        feature: Its name.
        largest: Largest standardised mean difference between two sites.
        between: Their names.
        to_others: Site -> its difference to all other sites together.
        p: Of the hypothesis that all sites have one mean, or one distribution of levels.
    """

    feature: str
    largest: float
    between: tuple[str, str]
    to_others: dict[str, float]
    p: float | None


def table_one(model: Model) -> tuple[tuple[str, int], ...] | tuple[()]:
    """Return the groups of a finished `describe` with their units; none for anything else."""
    made, state = analysis(model.study.recipe), state_of(model)
    if not isinstance(made, Describe) or not state["stage"][0]:
        return ()
    units = [int(value) for value in state["units"]]
    return tuple(zip(made.groups(model.study), units, strict=True))


def rows(model: Model) -> tuple[Row, ...]:
    """Return the lines of Table 1, features by name."""
    made, state = analysis(model.study.recipe), state_of(model)
    if not isinstance(made, Describe) or not state["stage"][0]:
        return ()
    found: dict[str, list[Row]] = {}
    for k, name in enumerate(made.numbers(model.study)):
        found[name] = [_number_row(model, name, k, state)]
    first = 0
    for f, (name, levels) in enumerate(made.categories(model.study).items()):
        span = slice(first, first + len(levels))
        found[name] = _level_rows(name, levels, f, span, state)
        first += len(levels)
    return tuple(row for name in sorted(found) for row in found[name])


def differences(model: Model, sites: tuple[str, ...]) -> tuple[Difference, ...]:
    """Return how sites differ, by feature; none where the hub saw sums only.

    Args:
        model: A finished `describe`.
        sites: Sites that answered, by name, as the state has them.
    """
    made, state = analysis(model.study.recipe), state_of(model)
    if not isinstance(made, Describe) or len(sites) < 2 or not state["site.units"].any():  # noqa: PLR2004
        return ()
    found = []
    for k, name in enumerate(made.numbers(model.study)):
        sums = np.stack(
            [state[f"site.{n}"][: len(sites), k] for n in ("known", "total", "square")]
        )
        found.append(_number_difference(name, sums, sites))
    first = 0
    for name, levels in made.categories(model.study).items():
        span = slice(first, first + len(levels))
        counts = np.asarray(state["site.levels"][: len(sites), span])
        first += len(levels)
        if not state["site.masked"][: len(sites), span].any():
            found.append(_level_difference(name, counts, sites))
    return tuple(sorted((each for each in found if each), key=lambda each: each.feature))


def _number_row(model: Model, name: str, k: int, state: Tensors) -> Row:
    feature = model.study.features[name]
    column = next(c for c in columns(model.study) if c.feature == name)
    middle, half = (column.low + column.high) / 2, (column.high - column.low) / 2
    groups = [
        moments(*(float(state[n][g, k]) for n in ("known", "total", "square")))
        for g in range(len(state["units"]))
    ]
    cells = tuple(
        NumberCell(
            known=int(n),
            mean=None if np.isnan(mean) else float(middle + half * mean),
            spread=None if np.isnan(v) else float(half * sqrt(v)),
            quartiles=quartiles(np.asarray(state["bins"][g, k]), column.low, column.high),
        )
        for g, (n, mean, v) in enumerate(groups)
    )
    p, test = None, ""
    if len(groups) == 2 and all(g[0] >= 2 for g in groups):  # noqa: PLR2004
        p, test = welch(groups[0], groups[1]), "t test (Welch)"
    elif len(groups) > 2:  # noqa: PLR2004
        p, test = variance_test(groups), "analysis of variance"
    unit = feature.unit if isinstance(feature, NumberFeature) else ""
    return Row(
        feature=name,
        unit=unit,
        level=None,
        cells=cells,
        p=p,
        test=test if p is not None else "",
    )


def _level_rows(
    name: str, levels: tuple[str, ...], f: int, span: slice, state: Tensors
) -> list[Row]:
    counts, hidden = np.asarray(state["levels"][:, span]), np.asarray(state["masked"][:, span])
    answered = state["answered"][:, f]
    p = None
    if len(counts) > 1 and not hidden.any():
        p = pearson(counts)
    found = []
    for place, level in enumerate(levels):
        cells = tuple(
            LevelCell(
                count=int(counts[g, place]),
                share=float(counts[g, place] / answered[g]) if answered[g] else None,
                hidden_sites=int(hidden[g, place]),
            )
            for g in range(len(counts))
        )
        found.append(
            Row(
                feature=name,
                unit="",
                level=level,
                cells=cells,
                p=p if place == 0 else None,
                test="chi-square" if place == 0 and p is not None else "",
            )
        )
    return found


def _number_difference(
    name: str, sums: NDArray[np.float64], sites: tuple[str, ...]
) -> Difference | None:
    own = {site: moments(*map(float, sums[:, i])) for i, site in enumerate(sites)}
    known = {site: m for site, m in own.items() if m[0] >= 2}  # noqa: PLR2004
    if len(known) < 2:  # noqa: PLR2004
        return None
    total = sums.sum(axis=1)
    others = {
        site: moments(*map(float, total - sums[:, i]))
        for i, site in enumerate(sites)
        if site in known
    }
    pairs = {
        (a, b): abs(mean_distance(known[a], known[b])) for a in known for b in known if a < b
    }
    between = max(pairs, key=lambda pair: (pairs[pair], pair))
    return Difference(
        feature=name,
        largest=pairs[between],
        between=between,
        to_others={site: mean_distance(known[site], others[site]) for site in known},
        p=variance_test(list(known.values())),
    )


def _level_difference(
    name: str, counts: NDArray[np.float64], sites: tuple[str, ...]
) -> Difference | None:
    known = {site: counts[i] for i, site in enumerate(sites) if counts[i].sum()}
    if len(known) < 2:  # noqa: PLR2004
        return None
    total = counts.sum(axis=0)
    pairs = {(a, b): level_distance(known[a], known[b]) for a in known for b in known if a < b}
    between = max(pairs, key=lambda pair: (pairs[pair], pair))
    return Difference(
        feature=name,
        largest=pairs[between],
        between=between,
        to_others={s: level_distance(own, total - own) for s, own in known.items()},
        p=pearson(np.stack(list(known.values()))),
    )
