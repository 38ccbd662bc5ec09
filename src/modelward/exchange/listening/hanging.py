"""Whose voice an answer hangs on: which would be another one if an institution were silent.

A combination can be no better than who it follows. Where sites know the same classes, no
single voice decides (backing.py); where one alone knows a class, every answer in it is that
institution's word. Nothing is refused for that: it is counted, shown to whoever decides, and
written beside every answer. A site can decide to give no answer of one voice (`adopt
--agreed`). The own institution is trusted here: what hangs on its own voice is not counted.

Triggers of any kind, also those that nobody can see on clean images, move single answers only
through the voice of whoever made them, unless two lie together: so an answer that hangs on
nobody is not the work of one.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from modelward.exchange.families.family import Inputs
from modelward.exchange.listening.hearing import Combine, Pool

Hanging = Mapping[str, NDArray[np.bool_]]
"""Institution -> whether each answer hangs on its voice, [n]."""


def hanging(pool: Pool, combine: Combine, x: Inputs, trusted: str) -> Hanging:
    """Return which answers would be others without one institution; nothing for who moves none.

    Args:
        pool: What is combined.
        combine: How.
        x: Examples, [n, ...].
        trusted: The own institution.
    """
    answers = combine(pool.opinions(x)).argmax(axis=1)
    makers, found = set(pool.makers), {}
    for each in sorted(makers - {trusted}):
        if makers == {each}:
            moved = np.ones(len(answers), bool)
        else:
            moved = combine(pool.opinions(x, silent=each)).argmax(axis=1) != answers
        if moved.any():
            found[each] = moved
    return found


def by_one(found: Hanging, units: int) -> NDArray[np.bool_]:
    """Return whether each of some units hangs on anybody's voice, [units]."""
    return np.asarray(np.any([np.zeros(units, bool), *found.values()], axis=0))


def who(found: Hanging, units: int) -> list[str]:
    """Return, per unit, on whose voice its answer hangs: names with a space between, or ""."""
    return [" ".join(name for name, moved in found.items() if moved[i]) for i in range(units)]
