"""No count of a few persons leaves in a table."""

from typing import Any

import numpy as np
import pytest

from modelward.core.study import Study
from modelward.gate.cells import cells, coarser
from modelward.privacy.disclosure.suppression import HIDDEN, suppress
from modelward.study.read import parse
from tests.sites import FEDAVG, fedavg

PRIVATE = parse(FEDAVG + "[privacy.dp]\nepsilon = 3\n")


def says(
    values: Any, kind: str = "metrics", name: str = "counts", study: Study | None = None
) -> list[str]:
    """Return what is said against a table, of as many units as it adds up to."""
    rule = cells(study or fedavg(), 10)
    table = np.asarray(values, np.float64)
    return [finding.says for finding in rule(kind, {name: table}, int(table.sum()))]


def test_counts_that_do_not_add_up_to_the_units_are_objected_to():
    (finding,) = cells(fedavg(), 10)("metrics", {"counts": np.array([[12.0, 20], [0, 11]])}, 44)

    assert finding.says == "counts adds up to 43, and 44 units are behind it"


def test_a_histogram_with_a_cell_of_one_is_objected_to():
    assert says([[12, 1], [0, 11]]) == ["counts has 1 cells of 1 to 9 persons"]
    assert says([[12, 0], [0, 10]]) == []


@pytest.mark.parametrize("value", [0.5, -3, 2.0**41])
def test_values_that_count_nobody_are_objected_to(value):
    assert "not numbers of persons" in says([[12, value]])[0]


def test_hidden_cells_may_leave_in_statistics_only():
    shown = suppress(np.array([3, 17, 40]), 10)
    assert shown is not None

    assert says(shown.counts, "statistics", "counts.sex") == []
    assert says([20, HIDDEN], "metrics") != []
    assert says([3, 17, 40], "statistics", "counts.sex") != []


def test_sums_and_noised_counts_are_not_tables():
    assert says([3.0], "statistics", "total") == []
    assert says([3.0], "update") == []
    assert says([[2.5, -1]], study=PRIVATE) == []


def test_validation_counts_are_made_coarser_until_they_may_leave():
    counts = np.zeros((2, 256))
    counts[0, 20:40], counts[1, 100:120] = 1, 2

    told = coarser(fedavg(), {"counts": counts}, 10)

    assert says(told["counts"]) == []
    assert told["counts"].sum(axis=1).tolist() == [20, 40]
    assert told["counts"].dtype == counts.dtype


def test_what_cannot_be_made_coarser_is_left_for_the_rule_to_refuse():
    counts = np.array([[30.0, 0], [3, 0]])

    assert says(coarser(fedavg(), {"counts": counts}, 10)["counts"]) != []
    assert coarser(PRIVATE, {"counts": counts}, 10)["counts"] is counts
