"""Cox over sites is Cox stratified by site over all rows, say statsmodels and brute force."""

from typing import Any

import numpy as np
import pytest
from statsmodels.duration.hazard_regression import PHReg

from modelward.evaluate.sums.coefficients import (
    coefficients,
    fit_figures,
    hazard_tests,
    named_direction,
)
from modelward.recipes.statistics.concordance import pairs
from modelward.recipes.statistics.partial_likelihood import log_time, stratum
from tests.analyses import cohort, finished, numbers, study_of

TARGET = 'type = "time-to-event"\nhorizon = 100000'
COLUMNS = numbers("a", "b", "c")

LEUKAEMIA = {
    "treated": ([6, 6, 6, 7, 10, 13, 16, 22, 23],
                [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]),
    "placebo": ([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23], []),
}  # fmt: skip
"""Remission in weeks of 42 children (Freireich et al. 1963): relapsed, and censored."""


def study(options: Any = "") -> Any:
    return study_of(COLUMNS, TARGET, f'name = "cox"\noptions = {{ {options} }}')


def rows(number: Any = 500, *, tied: Any = True) -> Any:
    """Columns on different scales, days (many equal) and events."""
    draw = np.random.default_rng(6)
    x = draw.normal(size=(number, 3)) * [1, 4, 0.1] + [0, 60, 3]
    risk = 0.6 * x[:, 0] - 0.1 * (x[:, 1] - 60) + 3 * (x[:, 2] - 3)
    died, left = draw.exponential(400 * np.exp(-risk)), draw.uniform(0, 1200, number)
    days = np.minimum(died, left)
    if tied:
        days = np.ceil(days / 30) * 30
    return x, days, (died <= left).astype(np.int8), draw.integers(0, 3, number)


def sites(x: Any, days: Any, event: Any, where: Any) -> Any:
    return {
        f"site-{k}": cohort(x[where == k], event[where == k], days[where == k])
        for k in np.unique(where)
    }


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("tied", [True, False], ids=["many ties", "no ties"])
def test_coefficients_and_errors_are_those_of_all_rows_together(ties, tied):
    x, days, event, where = rows(tied=tied)
    pooled = PHReg(days, x, status=event, strata=where, ties=ties).fit(disp=False)

    model, reason = finished(study(f'ties = "{ties}"'), sites(x, days, event, where))

    found = coefficients(model)
    assert reason.startswith("converged")
    assert [row.estimate for row in found] == pytest.approx(pooled.params, abs=1e-7)
    assert [row.error for row in found] == pytest.approx(pooled.bse, abs=1e-7)
    assert [row.p for row in found] == pytest.approx(pooled.pvalues, abs=1e-7)
    assert fit_figures(model)["log partial likelihood"] == pytest.approx(pooled.llf, abs=1e-7)


def test_leukaemia_has_the_coefficient_of_the_books():
    """As fits of these data are printed, beside the statsmodels ones of the other tests."""
    days, event, x = [], [], []
    for group, (relapsed, censored) in LEUKAEMIA.items():
        days += [*relapsed, *censored]
        event += [1] * len(relapsed) + [0] * len(censored)
        x += [[float(group == "placebo")]] * (len(relapsed) + len(censored))
    whole = {"only": cohort(np.array(x), np.array(event), np.array(days, np.float64))}
    known = {"efron": (1.572125, 0.412397), "breslow": (1.509191, 0.409564)}

    for ties, (estimate, error) in known.items():
        terms = study_of(numbers("a"), TARGET, f'name = "cox"\noptions = {{ ties = "{ties}" }}')
        (row,) = coefficients(finished(terms, whole)[0])

        assert (row.estimate, row.error) == pytest.approx((estimate, error), abs=1e-5)


def test_strata_within_sites_are_strata():
    x, days, event, where = rows()
    half = np.random.default_rng(2).integers(0, 2, len(x)).astype(np.float64)
    pooled = PHReg(days, x, status=event, strata=2 * where + half, ties="efron").fit(disp=False)
    features = COLUMNS + '[features.half]\ntype = "boolean"\n'

    terms = study_of(features, TARGET, 'name = "cox"\noptions = { strata = "half" }')
    model, _ = finished(terms, sites(np.column_stack([x, half]), days, event, where))

    found = coefficients(model)
    assert [row.name for row in found] == ["a", "b", "c"]
    assert [row.estimate for row in found] == pytest.approx(pooled.params, abs=1e-7)
    assert [row.error for row in found] == pytest.approx(pooled.bse, abs=1e-7)


def likelihood(beta: Any, x: Any, days: Any, event: Any, theta: Any = None) -> Any:
    """Efron's log partial likelihood by its definition; theta multiplies log(1 + t) x."""
    total = 0.0
    for t in np.unique(days[event == 1]):
        moved = x @ (beta + (0 if theta is None else theta * np.log1p(t)))
        risk, dead = np.exp(moved[days >= t]).sum(), (days == t) & (event == 1)
        tied, d = np.exp(moved[dead]).sum(), dead.sum()
        total += moved[dead].sum() - sum(np.log(risk - k / d * tied) for k in range(d))
    return total


def slopes(f: Any, at: Any, step: Any = 1e-5) -> Any:
    eye = np.eye(len(at)) * step
    return np.array([(f(at + e) - f(at - e)) / (2 * step) for e in eye])


def test_sums_of_the_hazard_test_are_derivatives_of_the_likelihood():
    x, days, event, _ = rows(60)
    beta = np.array([0.4, -0.05, 1.0])
    sums = stratum(beta, x, days, event, "efron")

    def score(theta: Any) -> Any:
        return slopes(lambda b: likelihood(b, x, days, event, theta), beta)

    zero = np.zeros(3)
    assert sums.loss[0] == pytest.approx(-likelihood(beta, x, days, event))
    assert -sums.gradient == pytest.approx(score(zero), abs=1e-5)
    by_theta = slopes(lambda t: likelihood(beta, x, days, event, t), zero)
    assert sums.score == pytest.approx(by_theta, abs=1e-4)
    crossed = slopes(score, zero, 1e-3)
    assert -sums.cross == pytest.approx(crossed, rel=1e-3, abs=1e-3)
    assert log_time(np.array([0.0])) == 0


def test_a_hazard_that_fades_is_found_and_a_steady_one_is_not():
    draw = np.random.default_rng(12)
    x = draw.normal(size=(3000, 3))
    steady, turn = np.exp(0.8 * x[:, 0]) / 300, 100.0
    used, early = draw.exponential(size=3000), steady * np.exp(x[:, 1])
    later = turn + (used - early * turn) / (steady * np.exp(-x[:, 1]))
    died = np.where(used < early * turn, used / early, later)  # b harms at first, then helps
    left = draw.uniform(50, 900, 3000)
    where = draw.integers(0, 3, 3000)

    model, _ = finished(
        study(), sites(x, np.minimum(died, left), (died <= left).astype(np.int8), where)
    )

    found = {test.name: test.p for test in hazard_tests(model)}
    assert found["b"] < 1e-6
    assert found["global"] < 1e-6
    assert found["c"] > 0.01


def test_pairs_are_counted_one_by_one():
    draw = np.random.default_rng(3)
    days, risk = draw.integers(1, 30, 80).astype(np.float64), draw.integers(0, 9, 80) / 2.0
    event = draw.integers(0, 2, 80).astype(np.int8)

    by_hand = np.zeros(3)
    for i in np.flatnonzero(event):
        for j in range(80):
            if days[j] > days[i] or (days[j] == days[i] and not event[j]):
                gap = risk[i] - risk[j]
                by_hand[0 if gap > 0 else 1 if gap < 0 else 2] += 1

    assert pairs(risk, days, event).tolist() == by_hand.tolist()


def test_a_column_that_is_constant_in_every_site_is_named():
    x, days, event, where = rows()
    x[:, 1] = where

    model, reason = finished(study(), sites(x, days, event, where))

    assert "collinear within sites" in reason
    assert named_direction(model) == ("b",)


def test_a_group_in_which_nobody_dies_is_named():
    x, days, event, where = rows()
    x[:, 2] = np.random.default_rng(1).integers(0, 2, len(x))
    event[x[:, 2] == 1] = 0

    model, reason = finished(study(), sites(x, days, event, where))

    assert reason == "no finite coefficients: a column tells the order of events apart"
    assert named_direction(model) == ("c",)
    assert coefficients(model) == ()


def test_nobody_has_the_event():
    x, days, event, where = rows(60)

    _, reason = finished(study(), sites(x, days, 0 * event, where))

    assert reason == "no coefficients: nobody has the event"


def test_a_site_without_events_adds_nothing_and_stops_nobody():
    x, days, event, where = rows()
    kept = event.copy()
    kept[where == 2] = 0
    pooled = PHReg(days, x, status=kept, strata=where, ties="efron").fit(disp=False)

    model, _ = finished(study(), sites(x, days, kept, where))

    assert [row.estimate for row in coefficients(model)] == pytest.approx(
        pooled.params, abs=1e-7
    )
