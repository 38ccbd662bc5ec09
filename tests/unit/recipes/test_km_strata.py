"""The stratified log-rank test over sites is that of all rows together, says statsmodels."""

from typing import Any

import numpy as np
import pytest
from statsmodels.duration.survfunc import survdiff

from modelward.errors import StudyFileError
from modelward.evaluate.sums.survival import StratifiedLogRank, curves, log_rank
from modelward.recipes.statistics.log_rank import of_times
from tests.analyses import cohort, finished, numbers, study_of

TARGET = 'type = "time-to-event"\nhorizon = 100000'
FEATURES = (
    '[features.arm]\ntype = "category"\nlevels = ["old", "new", "none"]\n'
    '[features.late]\ntype = "boolean"\n'
)


def study(
    options: str = 'by = "arm", width = 1000, min_cell = 1', features: str = FEATURES
) -> Any:
    return study_of(features, TARGET, f'name = "km"\nversion = 2\noptions = {{ {options} }}')


def rows(number: int = 700, ties: float = 30) -> Any:
    """Days, events, sites, arms and stages; sites differ in survival, and in who is where."""
    draw = np.random.default_rng(11)
    where, late = draw.integers(0, 3, number), draw.integers(0, 2, number)
    arm = np.where(draw.random(number) < 0.5, where, draw.integers(0, 3, number))
    mean = np.array([200, 500, 900])[where] * np.array([1, 1.3, 1])[arm] / (1 + late)
    died, left = draw.exponential(mean), draw.uniform(50, 1500, number)
    days = np.minimum(died, left)
    if ties:
        days = np.ceil(days / ties) * ties
    return days, (died <= left).astype(np.int8), where, arm, late


def sites(days: Any, event: Any, where: Any, arm: Any, late: Any) -> Any:
    x = np.column_stack([arm == 1, arm == 2, late]).astype(np.float64)
    return {
        f"site-{k}": cohort(x[where == k], event[where == k], days[where == k])
        for k in np.unique(where)
    }


@pytest.mark.parametrize("ties", [0, 1, 30, 90])
@pytest.mark.parametrize("strata", ["", "late"])
def test_it_is_the_test_of_all_rows_together(ties, strata):
    days, event, where, arm, late = rows(ties=ties)
    within = where * 2 + late if strata else where
    value, p = survdiff(days, event, arm, strata=within)

    options = f'by = "arm", width = 1000, min_cell = 1, strata = "{strata}"'
    model, _ = finished(study(options), sites(days, event, where, arm, late))

    found = log_rank(model)
    assert isinstance(found, StratifiedLogRank)
    assert found.chi_square == pytest.approx(value, abs=1e-8)
    assert found.p == pytest.approx(p, abs=1e-8)
    assert found.freedom == 2
    assert found.strata == (("site", "late") if strata else ("site",))
    assert sum(found.expected) == pytest.approx(event.sum(), abs=1e-8)


def test_what_sites_differ_in_is_not_taken_for_the_groups():
    """Arms differ over all hospitals, because hospitals do; within a hospital they do not."""
    draw = np.random.default_rng(4)
    where = draw.integers(0, 2, 800)
    arm = (draw.random(800) < np.where(where, 0.8, 0.2)).astype(int)
    days = draw.exponential(np.where(where, 900, 300))
    event = np.ones(800, np.int8)

    model, _ = finished(study(), sites(days, event, where, arm, 0 * arm))
    found = log_rank(model)

    assert survdiff(days, event, arm)[1] < 1e-6
    assert found is not None
    assert found.p == pytest.approx(survdiff(days, event, arm, strata=where)[1], abs=1e-8)
    assert found.p > 0.05


def test_curves_are_those_of_version_1():
    people = sites(*rows())
    plain = study_of(FEATURES, TARGET, 'name = "km"\noptions = { by = "arm", width = 1000 }')

    ours = finished(study('by = "arm", width = 1000'), people)[0]

    assert curves(ours) == curves(finished(plain, people)[0])


def test_a_group_that_a_site_hides_is_not_in_its_test():
    days, event, where, arm, late = rows()
    few = (where == 0) & (arm == 2)
    kept = ~few | (np.cumsum(few) <= 6)
    days, event, where, arm, late = (each[kept] for each in (days, event, where, arm, late))

    model, _ = finished(study('by = "arm", width = 1000'), sites(days, event, where, arm, late))

    hidden = {curve.name: curve.hidden_sites for curve in curves(model)}
    assert hidden["none"] == 1
    shown = ~((where == 0) & np.isin(arm, [n for n, s in enumerate(hidden.values()) if s]))
    value, _ = survdiff(days[shown], event[shown], arm[shown], strata=where[shown])
    found = log_rank(model)
    assert found is not None
    assert found.chi_square == pytest.approx(value, abs=1e-8)


def test_groups_that_never_meet_are_not_compared():
    """Each hospital has one arm: there is nothing to compare within any."""
    days, event, where, _, late = rows()

    assert log_rank(finished(study(), sites(days, event, where, where, late))[0]) is None


def test_a_group_that_meets_nobody_takes_a_degree_of_freedom_with_it():
    days, event, where, arm, late = rows()
    arm = np.where(where == 2, 2, arm % 2)
    inside = where != 2

    found = log_rank(finished(study(), sites(days, event, where, arm, late))[0])

    value, p = survdiff(days[inside], event[inside], arm[inside], strata=where[inside])
    assert found is not None
    assert found.freedom == 1
    assert (found.chi_square, found.p) == pytest.approx((value, p), abs=1e-8)


def test_four_units_by_hand():
    """Deaths on days 1 and 2: 1/2 and 1/3 of one are expected, 1/4 and 2/9 are variances."""
    days = np.array([1.0, 2, 3, 3])
    event, group = np.array([1, 1, 0, 0], np.int8), np.array([0, 1, 0, 1])

    found = of_times(days, event, group, 2)

    assert found.observed.tolist() == [1, 1]
    assert found.expected == pytest.approx([1 / 2 + 1 / 3, 1 / 2 + 2 / 3])
    assert found.spread[0] == pytest.approx([1 / 4 + 2 / 9, -1 / 4 - 2 / 9])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("width = 1000", "recipe.options.by: is missing: version 2 compares groups"),
        ('by = "arm", width = 1000, strata = "arm"', "is the feature of the groups itself"),
        ('by = "arm", width = 1000, strata = "a"', "'a' is no category or boolean feature"),
    ],
)
def test_what_cannot_be_compared_is_a_fault_of_the_study(options, said):
    with pytest.raises(StudyFileError, match=said):
        study(options, FEATURES + numbers("a"))
