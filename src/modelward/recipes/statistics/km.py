"""Kaplan-Meier curves and the log-rank test from counts on a time grid.

The study fixes a grid (`width` days up to the target's horizon). A site counts, per group and
cell, events and ends of follow-up; a time counts at the end of its cell, events before
censorings. Cells with a few units are merged with their neighbours at the site
(small_cells.py), so what is estimated is exactly the Kaplan-Meier estimate of the pooled
records on the same grid and merged cells (Kaplan and Meier 1958). `shift` sums the days that
merging moved times by. One round; evaluate/sums/survival.py draws the curves from the state.
"""

from math import ceil

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from modelward.core.counted import Counted, Reading, hidden_where, strange_flags
from modelward.core.faults import Fault
from modelward.core.study import Study
from modelward.core.targets import TimeToEventTarget
from modelward.core.tensors import Schema, Tensors, TensorSpec
from modelward.recipes.analysis import (
    Heard,
    Named,
    Observed,
    choice_faults,
    codes_of,
    levels_of,
    target_faults,
)
from modelward.recipes.statistics.small_cells import hidden_groups, merge, merged_cells

MOST_CELLS = 500
"""Cells of a grid."""


class Options(BaseModel):
    """`[recipe.options]` of `km`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    width: int = Field(default=30, ge=1, le=3653, description="Days of a cell of the grid.")
    by: str = Field(default="", description="Category or boolean feature: one curve a level.")
    min_cell: int = Field(default=10, ge=1, le=1000, description="Fewest units in a cell.")


class Km:
    """The recipe `km`, version 1."""

    name = "km"
    version = 1

    def __init__(self, options: Options) -> None:
        self.options = options

    def faults(self, study: Study) -> list[Fault]:
        """Return what does not fit: the target's type, the groups, or too fine a grid."""
        found = target_faults(study, "time-to-event")
        found += choice_faults(study, "by", self.options.by or None)
        if not found and self.cells(study) > MOST_CELLS:
            says = f"{self.cells(study)} cells to the horizon, at most {MOST_CELLS}"
            found.append(Fault("recipe.options.width", says))
        return found

    def cells(self, study: Study) -> int:
        """Return the number of cells of the grid."""
        outcome = study.outcome
        horizon = outcome.horizon if isinstance(outcome, TimeToEventTarget) else 1
        return ceil(horizon / self.options.width)

    def groups(self, study: Study) -> tuple[str, ...]:
        """Return the names of the curves."""
        return levels_of(study, self.options.by) if self.options.by else ("everybody",)

    def ends(self, study: Study) -> NDArray[np.float64]:
        """Return the last day of every cell."""
        return np.arange(1, self.cells(study) + 1, dtype=np.float64) * self.options.width

    def state(self, study: Study) -> Schema:
        """Return the counts over all sites."""
        return Schema.of(*self.asked(study), TensorSpec("stage", "F64", (1,)))

    def asked(self, study: Study) -> Schema:
        """Return events, censorings, hidden sites and days of shift, per group."""
        groups, cells = len(self.groups(study)), self.cells(study)
        return Schema.of(
            TensorSpec("censored", "F64", (groups, cells)),
            TensorSpec("events", "F64", (groups, cells)),
            TensorSpec("hidden", "F64", (groups,)),
            TensorSpec("shift", "F64", (groups,)),
        )

    def counted(self, study: Study, answer: Tensors, units: int) -> Reading:
        """Return how an answer is read; see recipes/analysis.py."""
        hidden, counts = answer["hidden"], answer["events"] + answer["censored"]
        wrong = strange_flags(hidden=hidden)
        if (counts[hidden != 0] != 0).any():
            wrong += ("groups are told that are said to be hidden",)
        farthest = counts.sum(axis=1) * self.cells(study) * self.options.width
        if (answer["shift"] < 0).any() or (answer["shift"] > farthest).any():
            wrong += ("times are moved by more than there is",)
        groups = hidden_where(hidden, counts.sum(axis=1))
        tables = (
            Counted("events", answer["events"]),
            Counted("censored", answer["censored"]),
            Counted("groups", groups, units, whole=not self.options.by),
        )
        return Reading(tables, frozenset(answer), wrong)

    def crossed(self, study: Study) -> tuple[int, ...]:
        """Return no place; see recipes/analysis.py."""
        del study
        return ()

    def local(self, study: Study, state: Tensors, train: Observed, held: Observed) -> Named:
        """Return a site's counts, free of small cells; see recipes/analysis.py."""
        del state, held
        groups, cells, least = len(self.groups(study)), self.cells(study), self.options.min_cell
        code = np.zeros(len(train.y), np.int64)
        if self.options.by:
            code = codes_of(study, self.options.by, train.raw)
        cell = np.ceil(train.measured / self.options.width).astype(np.int64) - 1
        cell = np.clip(cell, 0, cells - 1)
        tables = np.zeros((2, groups, cells), np.int64)
        known = code >= 0
        np.add.at(tables, (train.y[known], code[known], cell[known]), 1)
        where = [[merged_cells(tables[e, g], least) for g in range(groups)] for e in (0, 1)]
        broken = np.array([where[0][g] is None or where[1][g] is None for g in range(groups)])
        hidden = hidden_groups(tables.sum(axis=(0, 2)), broken, least)
        counted, shift = np.zeros((2, groups, cells)), np.zeros(groups)
        for g in np.flatnonzero(~hidden):
            for e in (0, 1):
                to = where[e][g]
                if to is not None:
                    counted[e, g] = merge(tables[e, g], to)
                    moved = np.abs(to - np.arange(cells)) * self.options.width
                    shift[g] += float(tables[e, g] @ moved)
        return {
            "censored": counted[0],
            "events": counted[1],
            "hidden": hidden.astype(np.float64),
            "shift": shift,
        }

    def step(self, study: Study, heard: Heard, state: Tensors) -> Named:
        """Return the state with the counts; see recipes/analysis.py."""
        del study, state
        return {**{n: np.array(v) for n, v in heard.totals.items()}, "stage": np.ones(1)}

    def ended(self, state: Tensors) -> str | None:
        """Return that all is counted, once it is."""
        return "counted: one round gives the curves" if state["stage"][0] else None
