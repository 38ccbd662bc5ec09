"""How boosted trees lie in tensors, and which leaf a unit falls into.

A tree of depth D has its nodes level by level, the children of node i of a level are 2i (left)
and 2i + 1 of the next. A node that is not split sends everybody to the left.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelward.core.tensors import Tensors

Floats = NDArray[np.float64]
Nodes = NDArray[np.int64]

FINE = 64
"""Cells of the grid on which federated quantiles are taken."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes.

    Attributes:
        trees: Trees that there is room for.
        depth: Splits in a row.
        bins: Bins of each column.
    """

    trees: int
    depth: int
    bins: int

    @property
    def leaves(self) -> int:
        """Leaves of a tree."""
        return int(2**self.depth)

    @property
    def nodes(self) -> int:
        """Nodes of a tree that can be split."""
        return self.leaves - 1

    @property
    def most_nodes(self) -> int:
        """Nodes of the deepest level that can be split."""
        return self.leaves // 2

    def finished(self, state: Tensors) -> int:
        """Return how many trees are grown."""
        return max(0, int(state["grown"][0]) - 1) // self.depth

    def extends(self, before: Tensors, after: Tensors) -> bool:
        """Return whether `after` has the finished trees of `before`, and its bins.

        A report can go back to an earlier state.
        """
        first, last = sorted((before, after), key=lambda state: float(state["grown"][0]))
        if not 0 <= float(last["grown"][0]) <= self.trees * self.depth + 1:
            return False
        whole = self.finished(first)
        same = [
            np.array_equal(np.asarray(first[name])[:whole], np.asarray(last[name])[:whole])
            for name in ("column", "threshold", "leaf")
        ]
        if float(first["grown"][0]):
            same += [np.array_equal(first[name], last[name]) for name in ("base", "edges")]
        return all(same)

    def growing(self, state: Tensors) -> tuple[int, int]:
        """Return the tree and the level that the next histograms are for."""
        tree, level = divmod(int(state["grown"][0]) - 1, self.depth)
        return tree, level


def place(level: int) -> int:
    """Return where the nodes of a level begin."""
    return int(2**level) - 1


def turns(state: Tensors, tree: int, level: int, node: Nodes, x: Floats) -> Nodes:
    """Return the node of the next level that each unit falls into, [n].

    Args:
        state: The trees.
        tree: Which of them.
        level: Of `node`.
        node: The node of each unit, [n].
        x: Scaled columns, [n, columns].
    """
    at = place(level) + node
    column = np.asarray(state["column"])[tree, at].astype(np.int64)
    value = x[np.arange(len(x)), np.maximum(column - 1, 0)]
    right = (column > 0) & (value > np.asarray(state["threshold"])[tree, at])
    turned: Nodes = 2 * node + right
    return turned


def margin(shape: Shape, state: Tensors, x: Floats) -> Floats:
    """Return the log odds that the finished trees give, [n]."""
    total = np.full(len(x), float(state["base"][0]))
    for tree in range(shape.finished(state)):
        node = np.zeros(len(x), np.int64)
        for level in range(shape.depth):
            node = turns(state, tree, level, node, x)
        total += np.asarray(state["leaf"])[tree, node]
    return total
