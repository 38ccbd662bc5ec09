"""Curves from counts are the Kaplan-Meier curves of all rows on the same grid and cells."""

from typing import Any

import numpy as np
import pytest
from statsmodels.duration.survfunc import SurvfuncRight, survdiff

from modelward.evaluate.sums.survival import curves, log_rank
from modelward.recipes.statistics.small_cells import merged_cells
from tests.analyses import cohort, finished, numbers, study_of

TARGET = 'type = "time-to-event"\nhorizon = 1500'
GROUPED = numbers("a") + '[features.arm]\ntype = "category"\nlevels = ["old", "new", "none"]\n'


def study(options: Any = "width = 30", features: Any = GROUPED) -> Any:
    return study_of(features, TARGET, f'name = "km"\noptions = {{ {options} }}')


def rows(number: Any = 900) -> Any:
    """Days, events, sites and arms."""
    draw = np.random.default_rng(3)
    arm = draw.integers(0, 3, number)
    died, left = draw.exponential(np.array([300, 700, 350])[arm]), draw.uniform(0, 2000, number)
    return (
        np.minimum(died, left),
        (died <= left).astype(np.int8),
        draw.integers(0, 3, number),
        arm,
    )


def design(arm: Any) -> Any:
    return np.column_stack([np.ones(len(arm)), arm == 1, arm == 2]).astype(np.float64)


def sites(days: Any, event: Any, where: Any, arm: Any) -> Any:
    return {
        f"site-{k}": cohort(design(arm[where == k]), event[where == k], days[where == k])
        for k in np.unique(where)
    }


def on_grid(days: Any, event: Any, where: Any, arm: Any, least: Any) -> Any:
    """Coarsen every time as its own site does."""
    width, cells = 30, 50
    cell = np.clip(np.ceil(days / width).astype(int) - 1, 0, cells - 1)
    for k in np.unique(where):
        for g in np.unique(arm):
            own = (where == k) & (arm == g)
            for e in (0, 1):
                mine = own & (event == e)
                line = np.bincount(cell[mine], minlength=cells)
                moved = merged_cells(line, least)
                assert moved is not None
                cell[mine] = moved[cell[mine]]
    return (cell + 1) * float(width)


@pytest.mark.parametrize("least", [1, 10])
def test_curves_are_those_of_all_rows_on_the_same_cells(least):
    days, event, where, arm = rows()

    found = curves(
        finished(study(f'width = 30, by = "arm", min_cell = {least}'),
                 sites(days, event, where, arm))[0]
    )  # fmt: skip

    assert [curve.name for curve in found] == ["old", "new", "none"]
    moved = on_grid(days, event, where, arm, least)
    for g, curve in enumerate(found):
        pooled = SurvfuncRight(moved[arm == g], event[arm == g])
        ours = {step.day: step for step in curve.steps if step.events}
        kept = pooled.n_events > 0
        assert sorted(ours) == pooled.surv_times[kept].tolist()
        assert [ours[t].survival for t in sorted(ours)] == pytest.approx(
            pooled.surv_prob[kept], abs=1e-12
        )
        assert [ours[t].at_risk for t in sorted(ours)] == pooled.n_risk[kept].tolist()
        assert curve.units == np.count_nonzero(arm == g)
        assert curve.hidden_sites == 0
        assert curve.shift > 0 or least == 1


def test_the_interval_is_greenwoods_on_the_log_log_scale():
    """Twenty units, half of whom die in the first cell: S = 0.5, se(log S) = 0.2236."""
    days, event = np.full(20, 10.0), np.repeat([1, 0], 10).astype(np.int8)
    days[10:] = 1500

    (curve,) = curves(finished(study(), {"only": cohort(design(np.zeros(20)), event, days)})[0])

    step = curve.steps[0]
    assert (step.survival, step.at_risk, step.events) == (0.5, 20, 10)
    reach = 1.959964 * np.sqrt(10 / (20 * 10)) / np.log(2)
    assert step.low == pytest.approx(0.5 ** np.exp(reach), abs=1e-6)
    assert step.high == pytest.approx(0.5 ** np.exp(-reach), abs=1e-6)
    assert curve.median == 30
    assert curve.at_risk[:2] == ((0.0, 20), (300.0, 10))


def test_the_log_rank_test_is_that_of_all_rows():
    days, event, where, arm = rows()

    model, reason = finished(
        study('width = 30, by = "arm", min_cell = 1'), sites(days, event, where, arm)
    )

    moved = on_grid(days, event, where, arm, 1)
    value, p = survdiff(moved, event, arm)
    found = log_rank(model)
    assert reason == "counted: one round gives the curves"
    assert found is not None
    assert (found.chi_square, found.p) == pytest.approx((value, p), abs=1e-9)
    assert found.freedom == 2
    assert sum(found.expected) == pytest.approx(event.sum())


def test_a_site_with_a_few_of_a_group_hides_it_and_what_would_tell_it():
    days, event, where, arm = rows()
    few = np.flatnonzero((where == 0) & (arm == 2))[6:]
    kept = np.setdiff1d(np.arange(len(days)), few)

    model, _ = finished(
        study('width = 30, by = "arm"'),
        sites(days[kept], event[kept], where[kept], arm[kept]),
    )

    found = {curve.name: curve for curve in curves(model)}
    assert found["none"].hidden_sites == 1
    assert found["none"].units == np.count_nonzero((arm == 2) & (where != 0))
    hidden = [curve.name for curve in found.values() if curve.hidden_sites]
    assert len(hidden) == 2, "the sum over groups is known"


def test_no_count_of_a_few_units_leaves_a_site():
    days, event, where, arm = rows(400)

    for units in sites(days, event, where, arm).values():
        model, _ = finished(study('width = 30, by = "arm"'), {"one": units})
        state = model.tensors
        for name in ("events", "censored"):
            assert not ((state[name] > 0) & (state[name] < 10)).any()


def test_a_median_that_nobody_reaches_is_not_told():
    event = np.repeat([1, 0], [10, 40]).astype(np.int8)

    (curve,) = curves(
        finished(study(), {"one": cohort(design(np.zeros(50)), event, np.full(50, 900.0))})[0]
    )

    assert curve.median is None
    assert curve.steps[-1].day == 1500
