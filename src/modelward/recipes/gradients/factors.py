"""Gradients of single examples whose dense layers stay in factors.

The gradient of one example for the weights of a dense layer is an outer product of what
came back to the layer and what went in. Whoever clips and adds needs its norm, |d| |a|, and
a sum of many, which is one matrix product; written out it would be most of the work.
privacy/outer.py adds them; layer_gradients.py makes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from modelward.recipes.recipe import RowGradients


@dataclass(frozen=True, slots=True)
class Block:
    """The weights of one dense layer in a flat vector.

    Attributes:
        start: Its first column.
        out: Units that the layer gives.
        seen: Units that it sees; weights are [out, seen].
    """

    start: int
    out: int
    seen: int

    @property
    def stop(self) -> int:
        """The column after its last."""
        return self.start + self.out * self.seen


@dataclass(frozen=True, slots=True, eq=False)
class Factors:
    """What the outer products of one layer are made of, a row per example.

    Attributes:
        d: What comes back to the layer, [b, out], float32.
        a: What went into it, [b, seen], float32.
    """

    d: NDArray[np.float32]
    a: NDArray[np.float32]


@runtime_checkable
class FactoredGradients(RowGradients, Protocol):
    """Row gradients that can leave large dense layers in factors."""

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Columns that `factored` leaves out, in order; fixed by the model alone."""
        ...

    def factored(
        self, rows: NDArray[np.int64], draw: np.random.Generator, out: NDArray[np.float32]
    ) -> Sequence[Factors]:
        """Write what `gradients` would into `out` but for `blocks`; return their factors."""
        ...
