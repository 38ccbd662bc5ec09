"""Table 1 of a paper over all sites: means, quantiles, counts, and how sites and groups differ.

A site sums over its training units, per group:

    numbers      known values, their sum and sum of squares on the scale t of study/scaling.py
                 (within [-1, 1] of the study's range), and counts in fixed bins of that range
    categories   known values, and counts per level

Bins of a few units are merged and levels of a few are hidden at the site (small_cells.py).
Where answers are open the state also keeps every site's own sums, for standardised mean
differences between sites; behind masks the hub sees none. One round. evaluate/sums/table_one.py
makes the table.
"""

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from modelward.core.columns import columns
from modelward.core.counted import (
    HIDDEN,
    Counted,
    Reading,
    hidden_where,
    strange_flags,
    strange_moments,
)
from modelward.core.faults import Fault
from modelward.core.features import NumberFeature
from modelward.core.study import Study
from modelward.core.tensors import Schema, Tensors, TensorSpec
from modelward.recipes.analysis import (
    MOST_SITES,
    Heard,
    Named,
    Observed,
    choice_faults,
    codes_of,
    levels_of,
)
from modelward.recipes.statistics.small_cells import (
    hidden_groups,
    hidden_levels,
    merge,
    merged_cells,
)

BY_SITE = ("answered", "known", "levels", "masked", "square", "total", "units")
"""Sums of which the state keeps each site's own, over all groups."""


class Options(BaseModel):
    """`[recipe.options]` of `describe`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    by: str = Field(
        default="", description="Category or boolean feature, or the target: a column a level."
    )
    bins: int = Field(default=64, ge=4, le=256, description="Bins of a number's range.")
    min_cell: int = Field(default=10, ge=1, le=1000, description="Fewest units in a cell.")


class Describe:
    """The recipe `describe`, version 1."""

    name = "describe"
    version = 1

    def __init__(self, options: Options) -> None:
        self.options = options

    def faults(self, study: Study) -> list[Fault]:
        """Return what does not fit: the groups."""
        by = self.options.by
        if by == study.target_name:
            if study.outcome.type == "boolean":
                return []
            return [Fault("recipe.options.by", f"{by!r} is no boolean target")]
        return choice_faults(study, "by", by or None)

    def groups(self, study: Study) -> tuple[str, ...]:
        """Return the names of the groups."""
        by = self.options.by
        if not by:
            return ("everybody",)
        return ("no", "yes") if by == study.target_name else levels_of(study, by)

    def numbers(self, study: Study) -> list[str]:
        """Return the number features, by name."""
        return [n for n, f in sorted(study.features.items()) if isinstance(f, NumberFeature)]

    def categories(self, study: Study) -> dict[str, tuple[str, ...]]:
        """Return the other features, by name, with their levels; groups are not among them."""
        return {
            name: levels_of(study, name)
            for name, feature in sorted(study.features.items())
            if not isinstance(feature, NumberFeature) and name != self.options.by
        }

    def state(self, study: Study) -> Schema:
        """Return the sums over all sites, and each site's own."""
        rows = {spec.name: spec.shape[1:] for spec in self.asked(study)}
        return Schema.of(
            *self.asked(study),
            *(
                TensorSpec(f"site.{n}", "F64", (MOST_SITES, *rows[n]))
                for n in BY_SITE
                if n in rows
            ),
            TensorSpec("stage", "F64", (1,)),
        )

    def asked(self, study: Study) -> Schema:
        """Return what the header says, per group."""
        groups, numbers = len(self.groups(study)), len(self.numbers(study))
        named = self.categories(study)
        levels = sum(len(each) for each in named.values())
        shapes: dict[str, tuple[int, ...]] = {"units": (groups,), "hidden": (groups,)}
        if numbers:
            shapes |= dict.fromkeys(("known", "total", "square"), (groups, numbers))
            shapes["bins"] = (groups, numbers, self.options.bins)
        if levels:
            shapes |= dict.fromkeys(("levels", "masked"), (groups, levels))
            shapes["answered"] = (groups, len(named))
        return Schema.of(*(TensorSpec(name, "F64", shape) for name, shape in shapes.items()))

    def counted(self, study: Study, answer: Tensors, units: int) -> Reading:
        """Return how an answer is read; see recipes/analysis.py."""
        hidden = answer["hidden"]
        everybody = self.options.by in {"", study.target_name}  # of a feature some are unknown
        shown = hidden_where(hidden, answer["units"])
        found, missing = [Counted("units", shown, units, whole=everybody)], []
        wrong = strange_flags(hidden=hidden)
        if "known" in answer:
            known = answer["known"]
            found += [Counted("known", known), Counted("bins", answer["bins"], known)]
            wrong += strange_moments(known, answer["total"], answer["square"])
            missing.append(_unknown(answer["units"], known))
        if "levels" in answer:
            found.append(Counted("answered", answer["answered"]))
            missing.append(_unknown(answer["units"], answer["answered"]))
            shown = hidden_where(answer["masked"], answer["levels"])
            wrong += strange_flags(masked=answer["masked"])
            if (answer["levels"][answer["masked"] != 0] != 0).any():
                wrong += ("levels are told that are said to be hidden",)
            first = 0
            for place, (name, levels) in enumerate(self.categories(study).items()):
                own = shown[:, first : first + len(levels)]
                found.append(Counted(name, own, answer["answered"][:, place]))
                first += len(levels)
        return Reading(tuple(found), frozenset(answer), wrong, tuple(missing))

    def crossed(self, study: Study) -> tuple[int, ...]:
        """Return no place; see recipes/analysis.py."""
        del study
        return ()

    def local(self, study: Study, state: Tensors, train: Observed, held: Observed) -> Named:
        """Return a site's sums, free of small cells; see recipes/analysis.py."""
        del state, held
        found = {s.name: np.zeros(s.shape) for s in self.asked(study)}
        code = self._groups_of(study, train)
        groups = len(self.groups(study))
        sizes = np.array([np.count_nonzero(code == g) for g in range(groups)], np.int64)
        hidden = hidden_groups(sizes, np.zeros(groups, bool), self.options.min_cell)
        found["hidden"][:] = hidden
        for g in map(int, np.flatnonzero(~hidden & (sizes > 0))):
            rows = train.raw[code == g]
            found["units"][g] = len(rows)
            self._count_numbers(study, rows, g, found)
            self._count_levels(study, rows, g, found)
        return found

    def step(self, study: Study, heard: Heard, state: Tensors) -> Named:
        """Return the state with the sums; see recipes/analysis.py."""
        del study
        after = {name: np.array(values) for name, values in state.items()}
        after |= {name: np.array(values) for name, values in heard.totals.items()}
        after["stage"] = np.ones(1)
        for place, site in enumerate(sorted(heard.by_site)[:MOST_SITES]):
            for name in BY_SITE:
                if name in heard.totals:
                    after[f"site.{name}"][place] = heard.by_site[site][name].sum(axis=0)
        return after

    def ended(self, state: Tensors) -> str | None:
        """Return that all is counted, once it is."""
        return "counted: one round gives the table" if state["stage"][0] else None

    def _groups_of(self, study: Study, train: Observed) -> NDArray[np.int64]:
        by = self.options.by
        if by == study.target_name:
            return train.y.astype(np.int64)
        return codes_of(study, by, train.raw) if by else np.zeros(len(train.y), np.int64)

    def _count_numbers(
        self, study: Study, rows: NDArray[np.float64], g: int, found: Named
    ) -> None:
        bins, listed = self.options.bins, columns(study)
        for k, name in enumerate(self.numbers(study)):
            place = next(n for n, column in enumerate(listed) if column.feature == name)
            low, high = listed[place].low, listed[place].high
            values = rows[~np.isnan(rows[:, place]), place]
            if len(values) < self.options.min_cell:
                continue
            t = (values - (low + high) / 2) / ((high - low) / 2)
            found["known"][g, k] = len(t)
            found["total"][g, k], found["square"][g, k] = t.sum(), np.square(t).sum()
            cell = np.clip(((t + 1) / 2 * bins).astype(np.int64), 0, bins - 1)
            line = np.bincount(cell, minlength=bins)
            where = merged_cells(line, self.options.min_cell)
            if where is not None:
                found["bins"][g, k] = merge(line, where)

    def _count_levels(
        self, study: Study, rows: NDArray[np.float64], g: int, found: Named
    ) -> None:
        first = 0
        for f, (name, levels) in enumerate(self.categories(study).items()):
            codes = codes_of(study, name, rows)
            counts = np.bincount(codes[codes >= 0], minlength=len(levels))
            hidden = hidden_levels(counts, self.options.min_cell)
            span = slice(first, first + len(levels))
            if counts.sum() >= self.options.min_cell:
                found["answered"][g, f] = counts.sum()
                found["levels"][g, span] = np.where(hidden, 0, counts)
                found["masked"][g, span] = hidden
            first += len(levels)


def _unknown(units: NDArray[np.float64], known: NDArray[np.float64]) -> Counted:
    """Return of how many of each group something is not known, where it is told for whom."""
    cells = np.where(known > 0, units[:, None] - known, float(HIDDEN))
    return Counted("values not known", cells)
