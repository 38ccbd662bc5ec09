"""How each kind of answer is read: its tables of persons, and its sums.

Beside answers.py, which says of what tensors an answer consists. What is not read here is
refused by every gate (gate/cells.py), so a new kind of answer says here what it tells.
"""

from modelward.core.columns import summed_columns
from modelward.core.counted import Counted, Reading
from modelward.core.study import Study
from modelward.core.task import TaskKind
from modelward.core.tensors import Tensors
from modelward.recipes.catalogue import summing
from modelward.study import report_cells, scaling_cells

NOTHING = Reading((), frozenset())
"""Of an answer that nobody has said how to read."""


def reading(study: Study, kind: TaskKind, answer: Tensors, units: int) -> Reading:
    """Return how the answer to a task of `kind` is read.

    Args:
        study: Whose terms hold.
        kind: What was asked.
        answer: The tensors, of the schema that study/answers.py gives.
        units: Units behind them.
    """
    if kind == "evaluate":
        return Reading((Counted("counts", answer["counts"], units),), frozenset({"counts"}))
    if kind == "report":
        return report_cells.reading(study, answer, units)
    if kind == "statistics":
        return scaling_cells.reading(summed_columns(study), answer, units)
    if kind == "newton":
        return Reading((), frozenset({"gradient", "hessian", "loss"}))
    if kind == "sums":
        return summing(study.recipe).counted(study, answer, units)
    return NOTHING


def coarser(
    study: Study, kind: TaskKind, answer: Tensors, least: int, missing: int = 1
) -> Tensors:
    """Return sums for scaling without columns that tell of few persons.

    Args:
        study: Whose terms hold.
        kind: What was asked.
        answer: The tensors.
        least: Fewest persons in a cell.
        missing: Fewest persons whose value is not known.
    """
    if kind != "statistics":
        return answer
    return scaling_cells.coarser(summed_columns(study), answer, least, missing)


def crossed(study: Study, kind: TaskKind) -> tuple[int, ...]:
    """Return the places of columns whose products are summed in an answer to `kind`."""
    if kind == "newton":
        return tuple(range(len(summed_columns(study))))
    return summing(study.recipe).crossed(study) if kind == "sums" else ()
