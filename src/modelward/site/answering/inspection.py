"""Looks at one offer with the site's own records at hand; figures out, no values.

Pure: study, cohort, model and offered tensors in, `Inspection` out. It runs in a process of
its own at a hospital (inspector.py), which shares no memory with the trainer, so a recipe
that was changed does not mark its own work. What the figures mean for the release is
decided by the gate (gate/leaks.py).

Own records are those of the training fold; validation and test units are what a model must
not tell them from. Copies are looked for among all of them.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import columns, inputs
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.tensors import Tensors
from modelward.privacy.leakage import inversion, membership
from modelward.privacy.leakage.copies import Passages
from modelward.privacy.leakage.figures import Inspection
from modelward.privacy.leakage.inversion import Likeness, Whitened
from modelward.privacy.leakage.membership import Membership
from modelward.readers.cohort import FOLDS, Cohort
from modelward.study import counted
from modelward.study.model import Model, parameter_schema
from modelward.study.outcome import chances
from modelward.study.own import update_schema, widened

FIRST_LAYERS = (("hidden1.weight", "hidden1.bias"), ("weight", "intercept"))
"""Weight and bias of the layers that see the inputs themselves, by recipe."""

Layer = tuple[NDArray[np.float64], NDArray[np.float64]]


class Looker:
    """Everything about one cohort that does not change from offer to offer.

    Args:
        study: The approved study.
        cohort: The site's units.
        similarity: Probability that likeness finds nothing by chance.
    """

    def __init__(self, study: Study, cohort: Cohort, similarity: float) -> None:
        self._study, self._cohort, self._similarity = study, cohort, similarity
        self._passages: dict[bytes, Passages] = {}
        self._whitened: Whitened | None = None

    def look(
        self, task: Task, model: Model | None, tensors: Tensors, *, full: bool
    ) -> Inspection:
        """Return the figures of `tensors`.

        Args:
            task: What they answer.
            model: The model of the task; None for statistics.
            tensors: What would leave, with the schema that the study asks for.
            full: Whether to run all tests, or those that take 50 ms.
        """
        copies = self._searched(model).search(tensors, thorough=full)
        if model is None or task.kind != "train" or not self._cohort.count("train"):
            few, both = self._fewest(task), self._together(task)
            return Inspection(copies=copies, fewest=few, together=both, full=full)
        own = self._seen(model, "train")
        change, before = _first_layer(tensors), _first_layer(_named(model))
        fits = change is not None and change[0].shape[1] == own.shape[1]
        return Inspection(
            copies=copies,
            recovered=inversion.recovered(*change, own) if change and fits else 0,
            traps=inversion.traps(*before, own) if before and fits and _hidden(tensors) else 0,
            units=len(before[1]) if before and fits and _hidden(tensors) else 0,
            likeness=self._likeness(own, tensors) if full else None,
            membership=self._told(model, tensors) if full else (),
            full=full,
        )

    def _fewest(self, task: Task) -> int | None:
        """Return how few persons are on one side of what is told column by column."""
        codes, owner = self._told_by_column(task), self._cohort.owners("train")
        return None if codes is None else fewest_in(codes, owner)

    def _together(self, task: Task) -> int | None:
        """Return how few persons have one of two levels and one of the other."""
        codes, owner = self._told_by_column(task), self._cohort.owners("train")
        return None if codes is None else fewest_together(codes, owner)

    def _told_by_column(self, task: Task) -> list[NDArray[np.int64]] | None:
        """Return the level of every unit, by column and outcome; None if none is multiplied."""
        places = counted.crossed(self._study, task.kind)
        if not places and task.kind != "newton":
            return None
        own = self._in("train")
        codes = level_codes(self._study, self._cohort.x[own], places)
        return codes + ([self._cohort.y[own].astype(np.int64)] if self._yes_or_no else [])

    @property
    def _yes_or_no(self) -> bool:
        return self._study.outcome.type != "number"

    def _searched(self, model: Model | None) -> Passages:
        scaling = None if model is None else model.scaling
        key = (
            b"" if scaling is None else b"".join(v.tobytes() for v in scaling.tensors.values())
        )
        if key not in self._passages:
            self._passages.clear()
            self._passages[key] = self._fingerprinted(model)
        return self._passages[key]

    def _fingerprinted(self, model: Model | None) -> Passages:
        x = self._cohort.x
        if inputs(self._study).kind != "table":
            return Passages(x)
        listed = columns(self._study)
        low, high = (np.array([getattr(c, end) for c in listed]) for end in ("low", "high"))
        tables = [x, (x - (low + high) / 2) / ((high - low) / 2)]
        if model is not None and model.scaling is not None:
            tables.append(model.scaling.apply(x))
        return Passages(None, [np.nan_to_num(table, nan=0.0) for table in tables])

    def _seen(self, model: Model, *folds: str) -> NDArray[np.float64]:
        """Return the units of `folds` as the first layer sees them, [n, values]."""
        x = self._cohort.x[self._in(*folds)]
        if model.scaling is not None:
            x = model.scaling.apply(x)
        return x.reshape(len(x), -1).astype(np.float64)

    def _in(self, *folds: str) -> NDArray[np.bool_]:
        return np.isin(self._cohort.folds, [FOLDS[fold] for fold in folds])

    def _likeness(self, own: NDArray[np.float64], tensors: Tensors) -> Likeness | None:
        if own.shape[1] < inversion.FEWEST_DIMENSIONS:
            return None
        if self._whitened is None:
            held_out = self._cohort.x[self._in("validation", "test")].reshape(-1, own.shape[1])
            self._whitened = Whitened(own, held_out.astype(np.float64))
        return self._whitened.likeness(tensors, self._similarity)

    def _told(self, model: Model, tensors: Tensors) -> tuple[Membership, ...]:
        """Return what the local model's loss tells about who was trained on."""
        moved = widened(self._study, update_schema(self._study).join(tensors))
        local = model.parameters + moved.astype(model.parameters.dtype)
        own, others = self._in("train"), self._in("validation", "test")
        if not others.any():
            return ()
        x = self._cohort.x
        if model.scaling is not None:
            x = model.scaling.apply(x)
        p = chances(self._study, local, x)
        y = self._cohort.y
        loss = membership.losses(p, y)
        return membership.by_outcome(loss[own], y[own], loss[others], y[others])


def _named(model: Model) -> Mapping[str, NDArray[Any]]:
    return parameter_schema(model.study).split(model.parameters)


def _hidden(tensors: Tensors) -> bool:
    """Return whether the first layer has rectified units, which can be traps."""
    return "hidden1.weight" in tensors


def _first_layer(tensors: Tensors) -> Layer | None:
    """Return weight [units, inputs] and bias [units] of the layer on the inputs, if any."""
    for weight, bias in FIRST_LAYERS:
        if weight in tensors and bias in tensors and "conv1.weight" not in tensors:
            found = np.asarray(tensors[weight], np.float64)
            matrix = found if found.ndim > 1 else found[None]
            return matrix, np.asarray(tensors[bias], np.float64).reshape(-1)
    return None


def persons_in(codes: NDArray[np.int64], owner: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many persons have a unit of each code, [codes]; below 0 is not known."""
    _, whose = np.unique(owner, return_inverse=True)
    persons, known = int(whose.max(initial=0)) + 1, codes >= 0
    pairs = np.unique(codes[known] * persons + whose.reshape(-1)[known])
    return np.bincount(pairs // persons)


def fewest_in(codes: Sequence[NDArray[np.int64]], owner: NDArray[np.int64]) -> int:
    """Return the fewest persons in any level that is not empty, or all if they are fewer."""
    persons = len(np.unique(owner))
    cells = [persons_in(each, owner) for each in codes]
    return min((int(each[each > 0].min(initial=persons)) for each in cells), default=persons)


def level_codes(
    study: Study, x: NDArray[np.float64], places: tuple[int, ...]
) -> list[NDArray[np.int64]]:
    """Return, for each yes/no or category feature in `places`, the level of every unit.

    From 0; the level that has no column is the first, and -1 is not known.
    """
    listed, found = columns(study), []
    for name in _levels_in(study, places):
        own = x[:, [n for n, each in enumerate(listed) if each.feature == name]]
        codes = ((own == 1) * np.arange(1, own.shape[1] + 1)).sum(axis=1)
        found.append(np.where(np.isnan(own).any(axis=1), -1, codes).astype(np.int64))
    return found


def fewest_together(codes: Sequence[NDArray[np.int64]], owner: NDArray[np.int64]) -> int:
    """Return the fewest persons in any cell of two features together that is not empty."""
    found = len(np.unique(owner))
    for one, other in combinations(codes, 2):
        both = (one >= 0) & (other >= 0)
        cells = one * (int(other.max(initial=0)) + 1) + other
        persons = persons_in(np.where(both, cells, -1), owner)
        found = min(found, int(persons[persons > 0].min(initial=found)))
    return found


def _levels_in(study: Study, places: tuple[int, ...]) -> dict[str, int]:
    """Return the yes/no and category features in `places`, each with its number of levels."""
    listed = columns(study)
    names = [each.feature for each in listed]
    chosen = sorted({listed[n].feature for n in places if listed[n].indicates})
    return {name: names.count(name) + 1 for name in chosen}
