"""Table 1 over sites is the table of all rows; what is hidden at a site is hidden."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from modelward.evaluate.sums.moments import level_distance, quartiles
from modelward.evaluate.sums.table_one import (
    LevelCell,
    NumberCell,
    differences,
    rows,
    table_one,
)
from tests.analyses import cohort, finished, numbers, study_of

FEATURES = numbers("age", low=0, high=120) + (
    '[features.smoker]\ntype = "boolean"\n'
    '[features.ward]\ntype = "category"\nlevels = ["a", "b", "c"]\n'
)
TARGET = 'type = "boolean"'


def study(options: Any = "") -> Any:
    return study_of(FEATURES, TARGET, f'name = "describe"\noptions = {{ {options} }}')


def patients(number: Any = 600) -> Any:
    """Columns age, smoker, ward=b, ward=c with gaps; outcome; site."""
    draw = np.random.default_rng(7)
    ward, ill = draw.integers(0, 3, number), draw.integers(0, 2, number)
    where = draw.integers(0, 3, number)
    age = np.clip(draw.normal(55 + 6 * ill + 3 * where, 14, number), 1, 119)
    age[draw.random(number) < 0.05] = np.nan
    smoker = (draw.random(number) < 0.3 + 0.1 * ill).astype(np.float64)
    x = np.column_stack([age, smoker, ward == 1, ward == 2]).astype(np.float64)
    return x, ill.astype(np.int8), where


def sites(x: Any, y: Any, where: Any) -> Any:
    return {f"site-{k}": cohort(x[where == k], y[where == k]) for k in np.unique(where)}


def test_means_counts_and_tests_are_those_of_all_rows():
    x, y, where = patients()

    model, _ = finished(study('by = "y", bins = 240'), sites(x, y, where))

    assert table_one(model) == (("no", int((y == 0).sum())), ("yes", int(y.sum())))
    found = {(row.feature, row.level): row for row in rows(model)}
    age = found["age", None]
    for g, cell in enumerate(age.cells):
        own = x[(y == g) & ~np.isnan(x[:, 0]), 0]
        assert isinstance(cell, NumberCell)
        assert cell.known == len(own)
        assert (cell.mean, cell.spread) == pytest.approx(
            (own.mean(), own.std(ddof=1)), abs=1e-9
        )
        assert cell.quartiles == pytest.approx(np.quantile(own, [0.25, 0.5, 0.75]), abs=2.5)
    groups = [x[(y == g) & ~np.isnan(x[:, 0]), 0] for g in (0, 1)]
    assert age.p == pytest.approx(stats.ttest_ind(*groups, equal_var=False).pvalue, abs=1e-10)
    table = np.array([[np.sum((x[:, 1] == v) & (y == g)) for v in (0, 1)] for g in (0, 1)])
    yes = found["smoker", "yes"].cells
    assert [cell.count for cell in yes if isinstance(cell, LevelCell)] == table[:, 1].tolist()
    expected = stats.chi2_contingency(table, correction=False).pvalue
    assert found["smoker", "no"].p == pytest.approx(expected, abs=1e-12)


def test_more_than_two_groups_are_compared_by_their_variances():
    x, y, where = patients()

    model, _ = finished(study('by = "ward"'), sites(x, y, where))

    (age,) = [row for row in rows(model) if row.feature == "age"]
    known = ~np.isnan(x[:, 0])
    ward = x[:, 2] + 2 * x[:, 3]
    groups = [x[known & (ward == g), 0] for g in range(3)]
    assert age.p == pytest.approx(stats.f_oneway(*groups).pvalue, abs=1e-10)
    assert {row.feature for row in rows(model)} == {"age", "smoker"}


def test_sites_are_compared_with_each_other_and_with_all_others():
    x, y, where = patients()

    model, _ = finished(study(), sites(x, y, where))

    found = {each.feature: each for each in differences(model, ("site-0", "site-1", "site-2"))}
    own = [x[(where == k) & ~np.isnan(x[:, 0]), 0] for k in range(3)]

    def smd(a: Any, b: Any) -> Any:
        return (a.mean() - b.mean()) / np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)

    age = found["age"]
    assert age.between == ("site-0", "site-2")
    assert age.largest == pytest.approx(abs(smd(own[0], own[2])), abs=1e-9)
    rest = np.concatenate([own[1], own[2]])
    assert age.to_others["site-0"] == pytest.approx(smd(own[0], rest), abs=1e-9)
    assert age.p == pytest.approx(stats.f_oneway(*own).pvalue, abs=1e-10)


def test_a_distance_of_two_levels_is_that_of_proportions():
    one, other = np.array([60.0, 40.0]), np.array([50.0, 50.0])

    expected = 0.1 / np.sqrt((0.4 * 0.6 + 0.5 * 0.5) / 2)
    assert level_distance(one, other) == pytest.approx(expected)
    assert level_distance(one, 3 * one) == 0


def test_a_small_level_is_hidden_with_another_and_the_rest_adds_up():
    x, y, where = patients()
    rare = np.flatnonzero((where == 1) & (x[:, 3] == 1))[4:]
    x[rare, 3] = 0

    model, _ = finished(study(), sites(x, y, where))

    ward = {str(row.level): row.cells[0] for row in rows(model) if row.feature == "ward"}
    cells = [cell for cell in ward.values() if isinstance(cell, LevelCell)]
    assert [cell.hidden_sites for cell in cells].count(1) == 2
    shown = {"a": (x[:, 2] == 0) & (x[:, 3] == 0), "b": x[:, 2] == 1, "c": x[:, 3] == 1}
    for level, cell in ward.items():
        assert isinstance(cell, LevelCell)
        if cell.hidden_sites:
            assert cell.count == np.sum(shown[level] & (where != 1))
        else:
            assert cell.count == np.sum(shown[level])
    assert "ward" not in {
        d.feature for d in differences(model, tuple(sorted(sites(x, y, where))))
    }


def test_no_count_of_a_few_units_leaves_a_site():
    x, y, where = patients(150)

    for units in sites(x, y, where).values():
        model, _ = finished(study('by = "y"'), {"one": units})
        for name in ("bins", "levels", "units"):
            counts = model.tensors[name]
            assert not ((counts > 0) & (counts < 10)).any()


def test_quartiles_of_known_bins():
    assert quartiles(np.array([10.0, 10.0, 10.0, 10.0]), 0, 4) == (1, 2, 3)
    assert quartiles(np.zeros(4), 0, 4) is None
    assert quartiles(np.array([0.0, 20.0, 0.0, 0.0]), 0, 4) == (1.5, 1.5, 1.5)
