"""What every statistical recipe is: sums at a site, and what a hub makes of their total.

    state    float64 tensors that the hub holds and sends; zeros before the first round
    asked    float64 tensors that a site answers with, sums over its training units
    local    (state, units) -> asked           pure, at a site
    step     (state, sums) -> state            pure, at the hub, and at whoever replays it
    ended    why the study is finished, in words, once it is

Sites round what they answer to the grid of sums (aggregate/fixed_point.py), so totals do not
depend on order. Whether an answer may leave is the gate's business; what the figures of a
finished state mean (p-values, curves) is evaluate/'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import Column, columns
from modelward.core.counted import Reading
from modelward.core.faults import Fault
from modelward.core.study import Study
from modelward.core.tensors import Schema, Tensors

Vector = NDArray[np.float64]
Named = dict[str, NDArray[np.float64]]

MOST_SITES = 64
"""Sites whose own figures a state has room for; as many as a masked sum may have."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observed:
    """Units of one site.

    Attributes:
        raw: Columns in the study's units, NaN where missing, float64 [n, columns].
        x: The same, filled and scaled as the model says.
        y: int8 [n]; see readers/cohort.py.
        amount: Days or values, float64 [n]; None where the outcome is yes or no.
    """

    raw: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.int8]
    amount: Vector | None = None

    @property
    def measured(self) -> Vector:
        """The amount, where the study's target has one."""
        if self.amount is None:
            raise AssertionError("study/read.py lets no such target pass")
        return self.amount


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Heard:
    """What the sites answered in one round.

    Attributes:
        totals: Sums over all sites.
        by_site: The answers themselves, by site name; empty where they are behind masks.
        units: Training units behind them.
    """

    totals: Tensors
    by_site: Mapping[str, Tensors] = field(default_factory=dict)
    units: int = 0


class Analysis(Protocol):
    """One statistical recipe with its options."""

    @property
    def name(self) -> str:
        """Name in the study file."""
        ...

    @property
    def version(self) -> int:
        """Version in the study file."""
        ...

    def faults(self, study: Study) -> list[Fault]:
        """Return what stands between the study's other terms and this recipe."""
        ...

    def state(self, study: Study) -> Schema:
        """Return what the hub holds from round to round, all float64."""
        ...

    def asked(self, study: Study) -> Schema:
        """Return what a site answers, all float64."""
        ...

    def counted(self, study: Study, answer: Tensors, units: int) -> Reading:
        """Return how an answer of one site is read, by its gate.

        Args:
            study: Whose terms hold.
            answer: What a site would answer with, of the shapes of `asked`.
            units: Its training units.
        """
        ...

    def crossed(self, study: Study) -> tuple[int, ...]:
        """Return the places of columns that are told one by one: each is a table of persons.

        That is so where products with a column are summed. Empty where `counted` lays out
        every table.
        """
        ...

    def local(self, study: Study, state: Tensors, train: Observed, held: Observed) -> Named:
        """Return a site's sums.

        Args:
            study: Whose terms hold.
            state: What the hub sent.
            train: The site's training units.
            held: Its test units, for figures of fit only.
        """
        ...

    def step(self, study: Study, heard: Heard, state: Tensors) -> Named:
        """Return the state after one more round."""
        ...

    def ended(self, state: Tensors) -> str | None:
        """Return why the study is finished, or None while it is not."""
        ...


@dataclass(frozen=True, slots=True)
class Design:
    """Columns that coefficients belong to, and where they are among the study's columns."""

    listed: tuple[Column, ...]
    places: tuple[int, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.listed)


def design(study: Study, without: Sequence[str] = ()) -> Design:
    """Return the study's columns but for those of the features in `without`."""
    kept = [(n, c) for n, c in enumerate(columns(study)) if c.feature not in without]
    return Design(tuple(c for _, c in kept), tuple(n for n, _ in kept))


def codes_of(study: Study, name: str, raw: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the level of a category or boolean feature per unit, from 0; -1 if missing.

    Args:
        study: Where the feature is.
        name: Of the feature.
        raw: All columns of the study, [n, columns].
    """
    places = [n for n, column in enumerate(columns(study)) if column.feature == name]
    own = raw[:, places]
    found = (own * np.arange(1, len(places) + 1)).sum(axis=1)
    return np.where(np.isnan(found), -1, np.nan_to_num(found)).astype(np.int64)


def levels_of(study: Study, name: str) -> tuple[str, ...]:
    """Return the levels of a category or boolean feature, as `codes_of` counts them."""
    feature: Any = study.features[name]
    return tuple(getattr(feature, "levels", ("no", "yes")))


def choice_faults(study: Study, key: str, name: str | None) -> list[Fault]:
    """Return the fault of an option that names no category or boolean feature."""
    if name is None:
        return []
    feature = study.features.get(name)
    if feature is None or feature.type not in {"category", "boolean"}:
        return [Fault(f"recipe.options.{key}", f"{name!r} is no category or boolean feature")]
    return []


def target_faults(study: Study, *allowed: str) -> list[Fault]:
    """Return the fault of a target whose type the recipe cannot take."""
    found = study.outcome.type
    if found in allowed:
        return []
    says = f"{found!r} is not what {study.recipe.name!r} takes: {' or '.join(allowed)}"
    return [Fault(f"target.{study.target_name}.type", says)]
