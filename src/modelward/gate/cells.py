"""Counts that leave a site: no cell with a few persons in it.

The gatekeeper makes histograms coarser before they are offered (`coarser`), by the site's own
minimum; the rule then looks at what is offered, whoever made it. Counts that carry noise
under differential privacy are not looked at: the noise is their protection.

Tables of counts are the tensors called `counts`, and those whose names start with `counts.`;
in tables of the kind `statistics` cells may be `HIDDEN` (privacy/disclosure/suppression.py).
Sums for scaling and of Newton steps are no tables: docs/threat-model.md says what they tell.
Whom two of them would tell about together is asked by site/overlaps.py.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.study import Study
from modelward.core.tensors import Tensors
from modelward.core.verdict import Finding
from modelward.privacy.disclosure.differencing import Told
from modelward.privacy.disclosure.grouping import grouped, small_cells
from modelward.privacy.disclosure.suppression import HIDDEN
from modelward.study.report_answer import MODELS

TABLE = "counts"
"""Name, or first part of the name, of a tensor that counts units."""

HISTOGRAMS = frozenset({TABLE, *(f"{TABLE}.{model}" for model in MODELS)})
"""Those that count units by outcome and ordered bin; the bins of others have no order."""

Counting = Callable[[str, Mapping[str, NDArray[Any]], int], tuple[Finding, ...]]


def coarser(study: Study, tensors: Tensors, minimum: int) -> Tensors:
    """Return counts by outcome and bin with `minimum` units or none in every cell.

    They are returned as they are where that cannot be had, and the rule will refuse them.
    """
    if study.privacy.dp is not None:
        return tensors
    made = {
        name: found.astype(values.dtype)
        for name, values in tensors.items()
        if name in HISTOGRAMS and _plain(values)
        for found in [grouped(values.astype(np.int64), minimum)]
        if found is not None
    }
    return {**tensors, **made} if made else tensors


def cells(study: Study, minimum: int) -> Counting:
    """Object to tables in which a cell has at least one unit and fewer than `minimum`.

    Validation counts also have to add up to the units that the gatekeeper knows of: pixels
    or ages in the place of counts do not.
    """

    def rule(kind: str, tensors: Mapping[str, NDArray[Any]], units: int) -> tuple[Finding, ...]:
        if study.privacy.dp is not None or kind not in {"metrics", "statistics"}:
            return ()
        found = [
            _finding(name, said)
            for name, values in tensors.items()
            if name.split(".")[0] == TABLE
            for said in [_wrong(values, minimum, units if kind == "metrics" else None)]
            if said
        ]
        return tuple(found)

    return rule


def differs(told: Told, apart: int) -> Finding:
    """Return the objection to figures that could be subtracted from those in `told`.

    Args:
        told: What has left before.
        apart: Persons who are in one cohort and not in the other.
    """
    return Finding(
        rule="difference",
        says=f"the cohort differs by {apart} persons from that of study {told.study[:12]}…,"
        " whose figures have left: their difference would be about those few",
        remedy="wait until more persons have come, or ask about the earlier cohort again",
    )


def _wrong(values: NDArray[Any], minimum: int, units: int | None) -> str:
    """Return what is wrong with a table of counts; '' if nothing is.

    Args:
        values: The table.
        minimum: Fewest units in a cell.
        units: What it has to add up to; None for a table in which cells may be hidden.
    """
    shown = values if units is not None else values[values != HIDDEN]
    if not _whole(shown):
        return "has values that are not numbers of persons"
    if units is not None and int(shown.sum()) != units:
        return f"adds up to {int(shown.sum()):,}, and {units:,} units are behind it"
    few = small_cells(shown.astype(np.int64), minimum)
    return f"has {few} cells of 1 to {minimum - 1} persons" if few else ""


def _plain(counts: NDArray[Any]) -> bool:
    """Return whether `counts` are whole numbers by row and bin."""
    return counts.ndim == 2 and _whole(counts)  # noqa: PLR2004 - rows and bins


def _whole(values: NDArray[Any]) -> bool:
    return bool(((values >= 0) & (values < 2.0**40) & (values == np.rint(values))).all())


def _finding(name: str, said: str) -> Finding:
    return Finding(
        rule="cells",
        says=f"{name} {said}",
        remedy="use a larger validation share, or sit these figures out; min_cell in"
        " [leaves] is the smallest number of persons that may be told",
    )
