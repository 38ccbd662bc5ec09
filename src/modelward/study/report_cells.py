"""What a site tells of its test units, laid out as tables of persons.

The tables of report_answer.py's form, for the gate to judge: each cell by itself, and the
levels of each group against everybody, of whom those that are not shown are the rest.
"""

from collections.abc import Iterator

import numpy as np

from modelward.core.counted import HIDDEN, Counted, Persons, Reading
from modelward.core.study import Study
from modelward.core.tensors import Tensors
from modelward.study.judging import Grouping
from modelward.study.report_answer import ACTING, PATIENTS, told_groups
from modelward.study.report_groups import PLACE, RATED

GROUPS = "groups"

OTHERS = frozenset({"figures", "verdicts", "differences", GROUPS, ACTING})
"""What is read by others: gate/figures.py, and gate/acting.py."""


def each_group(study: Study, answer: Tensors) -> Iterator[tuple[Grouping, slice]]:
    """Yield each group that is told of, with the places of its levels."""
    first = 0
    for grouping in told_groups(study) if GROUPS in answer else ():
        yield grouping, slice(first, first + len(grouping.levels))
        first += len(grouping.levels)


def by_side(rows: Persons) -> Persons:
    """Return units by outcome and side of one half of rows, [rows, 4]; 0 where not rated."""
    negatives, positives, alarms, hits = rows[:, RATED].T
    return np.stack([negatives - alarms, alarms, positives - hits, hits], axis=1)


def reading(study: Study, answer: Tensors, units: int) -> Reading:
    """Return how figures of test units are read, by the gate of a site."""
    whole = [name for name in answer if name.startswith("counts.")]
    tables = [Counted(name, answer[name], units) for name in whole]
    total = answer["counts.federated"].sum(axis=1)
    for grouping, places in each_group(study, answer):
        rows = answer[GROUPS][places]
        levels = rows[:, [PLACE["negatives"], PLACE["positives"]]].T  # [outcome, level]
        hidden = np.where(levels == 0, float(HIDDEN), levels)
        rest = np.full((len(total), 1), float(HIDDEN))
        shown = np.concatenate([hidden, rest], axis=1)
        tables.append(Counted(f"levels of {grouping.name}", shown, total, whole=False))
        tables.append(Counted(f"rates in levels of {grouping.name}", by_side(rows)))
    if PATIENTS in answer:
        tables.append(Counted("patients", answer[PATIENTS][:3]))
    return Reading(tuple(tables), frozenset({*whole, *OTHERS, PATIENTS} & set(answer)))
