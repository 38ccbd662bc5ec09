"""Tables of persons that leave a site: no cell with a few persons in it.

The gatekeeper makes histograms and sums coarser before they are offered (`coarser`), by the
site's own minimum; the rule then looks at what is offered, whoever made it. How an answer is
read is study/counted.py's; what nobody can read does not leave. Counts that carry noise under
differential privacy are not looked at: the noise is their protection.

    of each cell     nobody, or `minimum` persons and more
    of what is hidden, together: the reader knows it where totals are told
    of each column whose products leave in sums: what the inspector counted (`few_behind`)
    of two such columns together, and of missing values: by the minimum that the policy has
    for them, which is one at first, since a regression over rare levels has such cells

Whom two answers would tell about together is asked by site/keeping/overlaps.py.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.counted import HIDDEN, Counted
from modelward.core.study import Study
from modelward.core.task import Task, TaskKind
from modelward.core.tensors import Tensors
from modelward.core.verdict import Finding
from modelward.gate import acting
from modelward.gate.leaks import Look
from modelward.gate.offer import Offer, Rule
from modelward.privacy.disclosure.differencing import Told
from modelward.privacy.disclosure.grouping import grouped, small_cells
from modelward.privacy.disclosure.levels import shown_levels
from modelward.study import counted
from modelward.study.report_answer import ACTING, MODELS
from modelward.study.report_cells import GROUPS, by_side, each_group
from modelward.study.report_groups import RATED

TABLE = "counts"
"""Name, or first part of the name, of a tensor that counts units by outcome and bin."""

HISTOGRAMS = frozenset({TABLE, *(f"{TABLE}.{model}" for model in MODELS)})
"""Those whose bins have an order."""


def coarser(
    study: Study, kind: TaskKind, tensors: Tensors, minimum: int, missing: int = 1
) -> Tensors:
    """Return tensors with `minimum` persons or none in every cell, where that can be had.

    They are returned as they are where it cannot, and the rule will refuse them.

    Args:
        study: Whose terms hold.
        kind: What was asked.
        tensors: The answer, of the schema that the study asks for.
        minimum: Fewest persons in a cell.
        missing: Fewest persons whose value is not known.
    """
    if study.privacy.dp is not None:
        return tensors
    tensors = counted.coarser(study, kind, tensors, minimum, missing)
    tensors = _levels(study, kind, tensors, minimum)
    cuts = acting.cuts_of(tensors, minimum)
    made = {
        name: found.astype(values.dtype)
        for name, values in tensors.items()
        if name in HISTOGRAMS and _plain(values)
        for ends in [cuts if name == acting.HISTOGRAM else None]
        for found in [grouped(values.astype(np.int64), minimum, ends)]
        if found is not None
    }
    if cuts is not None:
        made[ACTING] = acting.shown(tensors, cuts)
    return {**tensors, **made} if made else tensors


def cells(study: Study, minimum: int, missing: int = 1) -> Rule:
    """Object to answers that tell of a few persons, or that nobody can read.

    A table also has to add up to what the gatekeeper knows: pixels or ages in the place of
    counts do not.

    Args:
        study: Whose terms hold.
        minimum: Fewest persons in a cell.
        missing: Fewest persons whose value is not known.
    """

    def rule(offer: Offer) -> tuple[Finding, ...]:
        if study.privacy.dp is not None or offer.kind not in {"metrics", "statistics"}:
            return ()
        said = counted.reading(study, offer.asked.kind, offer.tensors, offer.patients)
        unread = sorted(set(offer.tensors) - said.read)
        found = [f"{', '.join(unread[:5])} are tables that nobody can read"] if unread else []
        found += said.wrong
        found += [
            f"{table.name} {wrong}"
            for tables, least in ((said.tables, minimum), (said.missing, missing))
            for table in tables
            for wrong in [_wrong(table, least)]
            if wrong
        ]
        found += acting.objections(offer.tensors, offer.asked.edge, minimum)
        return tuple(_finding(each) for each in found)

    return rule


def few_behind(study: Study, minimum: int, together: int = 1) -> Rule:
    """Object to sums of products with a column in which a few persons have a value.

    What each column and the outcome has, and what two of them have together, is counted by
    the inspector; without one, as in a simulation, nothing is asked.

    Args:
        study: Whose terms hold.
        minimum: Fewest persons on one side of a column.
        together: Fewest persons with one of two levels and one of the other.
    """

    def rule(offer: Offer) -> tuple[Finding, ...]:
        if offer.look is None or not _multiplied(study, offer):
            return ()
        return _few(offer.look, minimum) or _few_have_both(offer.look, together)

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


def _levels(study: Study, kind: TaskKind, tensors: Tensors, minimum: int) -> Tensors:
    """Return rows of groups without levels, and without rates, that tell of a few persons."""
    if kind != "report" or GROUPS not in tensors:
        return tensors
    rows, counts = tensors[GROUPS].copy(), tensors["counts.federated"]
    sides, totals = by_side(rows), rows[:, :2]
    if not all(_whole(each) for each in (counts, totals, sides)):
        return tensors
    halves = counts.reshape(2, 2, -1).sum(axis=2).reshape(-1).astype(np.int64)
    outcomes = counts.sum(axis=1).astype(np.int64)
    for _, places in each_group(study, tensors):
        told, rated = totals[places].astype(np.int64), sides[places].astype(np.int64)
        shown = shown_levels(outcomes, told, minimum)
        both = shown_levels(halves, np.where(shown[:, None], rated, 0), minimum, none_too=True)
        rows[places][~shown] = 0.0
        rows[places, RATED][~both] = 0.0
    return {**tensors, GROUPS: rows}


def _wrong(table: Counted, minimum: int) -> str:
    """Return what is wrong with a table; '' if nothing is."""
    shown = table.cells[table.cells != HIDDEN]
    if not _whole(shown):
        return "has values that are not numbers of persons"
    few = small_cells(shown.astype(np.int64), minimum)
    if few:
        return f"has {few} cells of 1 to {minimum - 1} persons"
    return "" if table.total is None else _against_total(table, minimum)


def _against_total(table: Counted, minimum: int) -> str:
    """Return what a table does not have of its total; '' if nothing."""
    total = np.asarray(table.total, np.float64).reshape(-1)
    rows = table.cells.reshape(len(total), -1)
    shown = np.where(rows == HIDDEN, 0.0, rows).sum(axis=1)
    hides, left = (rows == HIDDEN).any(axis=1), total - shown
    if (left < 0).any() or (table.whole and (left[~hides] != 0).any()):
        worst = int(np.argmax(np.abs(left)))
        return f"adds up to {int(shown[worst]):,}, and {int(total[worst]):,} are behind it"
    few = hides & (left > 0) & (left < minimum)
    if few.any():
        return f"hides cells of {int(left[few][0])} persons in all, fewer than {minimum}"
    return ""


def _multiplied(study: Study, offer: Offer) -> bool:
    asked = offer.task
    return (
        study.privacy.dp is None
        and isinstance(asked, Task)
        and bool(counted.crossed(study, asked.kind))
    )


def _few(look: Look, minimum: int) -> tuple[Finding, ...]:
    figures = look.figures
    few = None if figures is None else figures.fewest
    if few is None:
        return (_finding("columns were not counted by the inspector, so nothing is known"),)
    if not 0 < few < minimum:
        return ()
    return (
        Finding(
            rule="cells",
            says=f"a yes/no column, a level or the outcome has {few} persons on one side,"
            f" fewer than {minimum}, and sums of its products would tell of them",
            remedy="leave the column or the rare level out of the study, or widen the cohort",
        ),
    )


def _few_have_both(look: Look, least: int) -> tuple[Finding, ...]:
    figures = look.figures
    both = None if figures is None else figures.together
    if least == 1 or (both is not None and not 0 < both < least):
        return ()
    if both is None:
        return (_finding("pairs of columns were not counted by the inspector"),)
    return (
        Finding(
            rule="cells",
            says=f"two yes/no columns, levels or outcomes have {both} persons together, fewer"
            f" than {least}, and the sum of their product tells how many",
            remedy="leave one of the columns or the rare level out of the study, or lower"
            " min_pair in [leaves]",
        ),
    )


def _plain(counts: NDArray[Any]) -> bool:
    """Return whether `counts` are whole numbers by row and bin."""
    return counts.ndim == 2 and _whole(counts)  # noqa: PLR2004 - rows and bins


def _whole(values: NDArray[Any]) -> bool:
    return bool(((values >= 0) & (values < 2.0**40) & (values == np.rint(values))).all())


def _finding(said: str) -> Finding:
    return Finding(
        rule="cells",
        says=said,
        remedy="use a larger validation share, or sit these figures out; min_cell in"
        " [leaves] is the smallest number of persons that may be told",
    )
