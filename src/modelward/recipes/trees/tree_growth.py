"""From histograms over all sites to splits and leaves: a hub's part of one round of boosting.

    gain  = 1/2 [ G_L^2 / (H_L + l2) + G_R^2 / (H_R + l2) - G^2 / (H + l2) ]
    value = -rate * G / (H + l2)

Source: Chen and Guestrin 2016, arXiv:1603.02754, eq. 5 and 7; gamma is `min_gain`. The best
split of a node is that with the largest gain; of equal ones that of the first column, then of
the lowest edge. Sums are exact (aggregate/fixed_point.py), so the same sites give the same
trees, whoever answered first. Pure.
"""

from dataclasses import dataclass

import numpy as np

from modelward.core.tensors import Tensors
from modelward.recipes.analysis import Named
from modelward.recipes.trees.tree_shape import Floats, Shape, place


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How trees are grown; see recipes/trees/trees.py."""

    rate: float
    l2: float
    min_gain: float
    min_leaf: int


@dataclass(frozen=True, slots=True)
class Split:
    """One split of one node.

    Attributes:
        column: From 0.
        edge: Index of the edge; bins up to it go left.
        left: Value of the left half.
        right: Value of the right half.
    """

    column: int
    edge: int
    left: float
    right: float


def value(terms: Terms, gradient: float, hessian: float) -> float:
    """Return what a leaf adds to the log odds; 0 where there is nothing to go by."""
    below = hessian + terms.l2
    return -terms.rate * gradient / below if below > 0 else 0.0


def best(terms: Terms, persons: Floats, gradient: Floats, hessian: Floats) -> Split | None:
    """Return the best split of a node; None if none gains more than `min_gain`.

    Args:
        terms: How trees are grown.
        persons: Units by column and bin, [columns, bins].
        gradient: Sums, of the same shape.
        hessian: Sums.
    """
    n, g, h = (np.cumsum(each, axis=1) for each in (persons, gradient, hessian))
    left, gl, hl = n[:, :-1], g[:, :-1], h[:, :-1]
    right, gr, hr = n[:, -1:] - left, g[:, -1:] - gl, h[:, -1:] - hl
    score = _score(terms, gl, hl) + _score(terms, gr, hr) - _score(terms, g[:, -1:], h[:, -1:])
    allowed = (left >= terms.min_leaf) & (right >= terms.min_leaf)
    gain = np.where(allowed, 0.5 * score, -np.inf)
    column, edge = np.unravel_index(int(np.argmax(gain)), gain.shape)
    if not gain[column, edge] > terms.min_gain:
        return None
    return Split(
        int(column),
        int(edge),
        value(terms, float(gl[column, edge]), float(hl[column, edge])),
        value(terms, float(gr[column, edge]), float(hr[column, edge])),
    )


def _score(terms: Terms, g: Floats, h: Floats) -> Floats:
    below = h + terms.l2
    return np.divide(g * g, below, out=np.zeros_like(g), where=below > 0)


def step(shape: Shape, terms: Terms, totals: Tensors, state: Tensors) -> Named:
    """Return the state after one more round.

    Args:
        shape: Sizes.
        terms: How trees are grown.
        totals: Sums over all sites.
        state: The state that they were taken at.
    """
    after = {name: np.array(values, np.float64) for name, values in state.items()}
    if not int(state["grown"][0]):
        without, having = totals["outcomes"]
        after["base"][0] = np.log((having + 0.5) / (without + 0.5))
        if "grid" in state:
            after["edges"] = _quantiles(totals["grid"], after["grid"], shape.bins)
    else:
        _grow(shape, terms, totals, after)
    after["grown"][0] += 1
    return after


def _grow(shape: Shape, terms: Terms, totals: Tensors, after: Named) -> None:
    """Split one level of one tree, in place."""
    tree, level = shape.growing(after)
    pending = after["pending"]
    if not level:
        whole = (totals[name][0, 0].sum() for name in ("gradient", "hessian"))
        pending[0] = value(terms, *map(float, whole))
    below = np.zeros_like(pending)
    for node in range(2**level):
        sums = (totals[name][node] for name in ("persons", "gradient", "hessian"))
        split = best(terms, *sums)
        below[2 * node] = pending[node]
        if split is not None:
            at = place(level) + node
            after["column"][tree, at] = split.column + 1
            after["threshold"][tree, at] = after["edges"][split.column, split.edge]
            below[2 * node], below[2 * node + 1] = split.left, split.right
    if level == shape.depth - 1:
        after["leaf"][tree] = below
        below = np.zeros_like(below)
    after["pending"] = below


def _quantiles(counts: Floats, grid: Floats, bins: int) -> Floats:
    """Return the edges of the grid below which about k / bins of all units are, k = 1...

    The last edge of the grid where there are none. Edges may repeat; a bin is empty then.
    """
    edges = np.empty((len(counts), bins - 1))
    for column, line in enumerate(counts):
        reached = np.cumsum(line)[:-1]
        wanted = np.arange(1, bins) / bins * line.sum()
        found = np.searchsorted(reached, wanted, side="left")
        edges[column] = grid[column, np.minimum(found, grid.shape[1] - 1)]
    return edges
