"""What a site sums for boosted trees, with no small cell among it, and how a gate reads it.

    persons   [nodes, columns, bins]  training units
    yes       [nodes, columns, bins]  those with the outcome: in the first tree the gradient
                                      tells as much, so the gate gets to see it
    gradient  [nodes, columns, bins]  sum of p - y           at the log odds of the trees so far
    hessian   [nodes, columns, bins]  sum of p (1 - p)
    outcomes  [2]                     units without and with the outcome; first round only
    grid      [columns, FINE]         units by cell of the grid of quantiles; first round only

Each unit's own gradient and Hessian are rounded to multiples of 2^-32, so that every sum of up
to 2^20 of them is exact, in whatever parts it is taken: sums over sites have the bits that
pooled records have. Neighbouring bins of a node are merged until each holds `least` units or
none with, and without, the outcome; what is merged stands in the middle bin. A node that no
merging helps, or whose other half would then be known, is left out with both halves and all
that comes below: those units count at the levels above only.
"""

import numpy as np
from numpy.typing import NDArray

from modelward.core.counted import HIDDEN, Counted, Reading
from modelward.core.tensors import Tensors
from modelward.recipes.regression.logit import sigmoid
from modelward.recipes.trees.tree_shape import FINE, Floats, Nodes, Shape, margin, place, turns

HISTOGRAMS = ("persons", "yes", "gradient", "hessian")

UNIT = 2.0**32
"""Gradients are whole multiples of 1 / UNIT."""

Outcomes = NDArray[np.int8]
Counts = NDArray[np.int64]


def slopes(log_odds: Floats, y: Outcomes) -> tuple[Floats, Floats]:
    """Return gradient and Hessian of each unit's log loss, multiples of 2^-32, [n] each."""
    p = sigmoid(log_odds)
    return np.rint((p - y) * UNIT) / UNIT, np.rint(p * (1 - p) * UNIT) / UNIT


def merged(yes: Counts, no: Counts, least: int) -> Counts | None:
    """Return, for each bin of a line, the bin in which its units stand after merging, [bins].

    Args:
        yes: Units with the outcome in each bin.
        no: Units without.
        least: Fewest units of either kind in a cell, unless there are none.

    Returns:
        None if no merging helps.
    """
    groups: list[tuple[int, int]] = []
    start = 0
    for stop in range(1, len(yes) + 1):
        if _shown(yes[start:stop], no[start:stop], least):
            groups.append((start, stop))
            start = stop
    while start < len(yes) and (yes[start:].any() or no[start:].any()):
        if not groups:
            return None
        start, _ = groups.pop()  # the rest cannot stand alone, so it joins what is before it
        if _shown(yes[start:], no[start:], least):
            groups.append((start, len(yes)))
            break
    where = np.arange(len(yes))
    for first, stop in groups:
        full = first + np.flatnonzero(yes[first:stop] + no[first:stop])
        if full.size:
            where[full] = (full[0] + full[-1]) // 2
    return where


def _shown(yes: Counts, no: Counts, least: int) -> bool:
    return all(count == 0 or count >= least for count in (int(yes.sum()), int(no.sum())))


def local(
    shape: Shape, state: Tensors, x: Floats, y: Outcomes, least: int
) -> dict[str, Floats]:
    """Return a site's sums at the state.

    Args:
        shape: Sizes.
        state: What the hub sent.
        x: Scaled columns of the training units, [n, columns].
        y: Outcomes, [n].
        least: Fewest units in a cell.
    """
    width = x.shape[1]
    cells = (shape.most_nodes, width, shape.bins)
    found: dict[str, Floats] = {name: np.zeros(cells) for name in HISTOGRAMS}
    found["outcomes"] = np.zeros(2)
    if "grid" in state:
        found["grid"] = np.zeros((width, FINE))
    if not int(state["grown"][0]):
        _first(found, state, x, y, least)
        return found
    tree, level = shape.growing(state)
    node, shown = _nodes(state, (tree, level), x, y, least)
    gradient, hessian = slopes(margin(shape, state, x), y)
    for column in range(width):
        bins = np.searchsorted(np.asarray(state["edges"])[column], x[:, column], side="left")
        for each in np.flatnonzero(shown):
            own = node == each
            if own.any():
                values = (np.ones(own.sum()), y[own], gradient[own], hessian[own])
                _fill(found, (int(each), column), bins[own], values, least)
    return found


def _fill(
    found: dict[str, Floats],
    at: tuple[int, int],
    bins: Nodes,
    values: tuple[NDArray[np.generic], ...],
    least: int,
) -> None:
    """Put the sums of one node and column where they belong; nothing if none can be shown."""
    size = found["persons"].shape[2]
    lines = [np.bincount(bins, weights=each, minlength=size) for each in values]
    persons, yes = lines[0].astype(np.int64), lines[1].astype(np.int64)
    where = merged(yes, persons - yes, least)
    if where is None:
        return
    for name, line in zip(HISTOGRAMS, lines, strict=True):
        found[name][at] = np.bincount(where, weights=line, minlength=size)


def _first(
    found: dict[str, Floats], state: Tensors, x: Floats, y: Outcomes, least: int
) -> None:
    """Put in what the first round asks."""
    outcomes = np.bincount(y, minlength=2).astype(np.int64)
    if not _shown(outcomes[1:], outcomes[:1], least):
        return
    found["outcomes"] = outcomes.astype(np.float64)
    if "grid" not in found:
        return
    nobody = np.zeros(FINE, np.int64)
    for column, edges in enumerate(np.asarray(state["grid"])):
        cells = np.searchsorted(edges, x[:, column], side="left")
        line = np.bincount(cells, minlength=FINE).astype(np.int64)
        where = merged(line, nobody, least)
        if where is not None:
            found["grid"][column] = np.bincount(where, weights=line, minlength=FINE)


def _nodes(
    state: Tensors, at: tuple[int, int], x: Floats, y: Outcomes, least: int
) -> tuple[Nodes, NDArray[np.bool_]]:
    """Return the node of each unit at a level of a tree, and which nodes are shown."""
    tree, level = at
    node = np.zeros(len(x), np.int64)
    shown = np.array([_shown(y == 1, y == 0, least)])
    for each in range(level):
        split = np.asarray(state["column"])[tree, place(each) : place(each + 1)] > 0
        node = turns(state, tree, each, node, x)
        halves = 2 ** (each + 1)
        yes = np.bincount(node, weights=y == 1, minlength=halves)
        no = np.bincount(node, weights=y == 0, minlength=halves)
        small = ((yes > 0) & (yes < least)) | ((no > 0) & (no < least))
        both = shown & ~(small.reshape(-1, 2).any(axis=1) & split)
        shown = np.repeat(both, 2)
    return node, shown


def reading(answer: Tensors, units: int) -> Reading:
    """Return the tables of persons in a site's sums, for its gate.

    Persons and outcomes of each column are tables whose rows are nodes; all columns have to say
    the same of a node. What is not in any node is `HIDDEN`, and no few either.
    """
    persons, yes = np.asarray(answer["persons"]), np.asarray(answer["yes"])
    nodes, of_yes = persons.sum(axis=2), yes.sum(axis=2)
    tables = [Counted("outcomes", answer["outcomes"], None)]
    for column in range(persons.shape[1]):
        here = persons[:, column], yes[:, column]
        tables.append(Counted(f"persons.{column}", here[0], nodes[:, 0]))
        tables.append(Counted(f"with the outcome.{column}", here[1], of_yes[:, 0]))
        tables.append(Counted(f"without.{column}", here[0] - here[1], None))
    rest = np.append(nodes[:, 0], HIDDEN)
    tables.append(Counted("nodes", rest, units, whole=False))
    for line in np.asarray(answer.get("grid", np.zeros((0, 1)))):
        tables.append(Counted("grid", line, None))
    wrong = []
    if (np.abs(answer["gradient"]) > persons).any() or (answer["hessian"] < 0).any():
        wrong.append("gradients of more than one a person, or a Hessian below 0")
    return Reading(tuple(tables), frozenset(answer), tuple(wrong))
