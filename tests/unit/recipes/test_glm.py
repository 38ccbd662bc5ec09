"""Sums over sites give the fit of all rows together: scikit-learn and statsmodels agree."""

import warnings
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.linear_model import LogisticRegression

from modelward.evaluate.sums.coefficients import coefficients, fit_figures, named_direction
from modelward.recipes.statistics import climb
from tests.analyses import cohort, finished, numbers, study_of

FAMILIES = {
    "logistic": sm.families.Binomial(),
    "linear": sm.families.Gaussian(),
    "poisson": sm.families.Poisson(),
}
PLACES = np.random.default_rng(4).integers(0, 3, 500)
COLUMNS = numbers("a", "b", "c")


def rows() -> Any:
    """Three columns on very different scales, correlated, and a predictor."""
    draw = np.random.default_rng(1)
    x = draw.normal(size=(500, 3)) * [1, 5, 200] + [0, 50, -300]
    x[:, 1] += 3 * x[:, 0]
    return x, 0.5 * x[:, 0] + 0.05 * (x[:, 1] - 50) - 0.004 * (x[:, 2] + 300)


def outcomes(family: Any, eta: Any) -> Any:
    draw = np.random.default_rng(2)
    if family == "logistic":
        return (draw.random(len(eta)) < 1 / (1 + np.exp(-eta))).astype(np.float64)
    if family == "linear":
        return 120 + 9 * eta + draw.normal(size=len(eta)) * 7
    return draw.poisson(np.exp(0.5 * eta)).astype(np.float64)


def study(family: Any, options: Any = "", features: Any = COLUMNS) -> Any:
    target = 'type = "number"\nunit = "1"\nrange = [-1e6, 1e6]'
    if family == "logistic":
        target = 'type = "boolean"'
    return study_of(
        features, target, f'name = "glm"\noptions = {{ family = "{family}"{options} }}'
    )


def sites(x: Any, y: Any, family: Any, where: Any = PLACES) -> Any:
    yes_no = family == "logistic"
    return {
        f"site-{k}": cohort(
            x[where == k],
            y[where == k] if yes_no else None,
            None if yes_no else y[where == k],
        )
        for k in np.unique(where)
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_coefficients_and_errors_are_those_of_all_rows_together(family):
    x, eta = rows()
    y = outcomes(family, eta)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pooled = sm.GLM(y, sm.add_constant(x), family=FAMILIES[family]).fit(
            tol=1e-14, maxiter=200
        )

    model, reason = finished(study(family), sites(x, y, family))

    found = coefficients(model)
    assert reason.startswith("converged")
    assert [row.name for row in found] == ["intercept", "a", "b", "c"]
    assert [row.estimate for row in found] == pytest.approx(pooled.params, abs=1e-8)
    assert [row.error for row in found] == pytest.approx(pooled.bse, abs=1e-8)
    figures = fit_figures(model)
    assert figures["deviance"] == pytest.approx(pooled.deviance, rel=1e-9)
    assert figures["null deviance"] == pytest.approx(pooled.null_deviance, rel=1e-9)
    if family != "linear":
        assert [row.p for row in found] == pytest.approx(pooled.pvalues, abs=1e-8)
        assert [row.low for row in found] == pytest.approx(pooled.conf_int()[:, 0], abs=1e-6)


def test_a_linear_model_uses_student_as_least_squares_does():
    x, eta = rows()
    y = outcomes("linear", eta)
    pooled = sm.OLS(y, sm.add_constant(x)).fit()

    model, _ = finished(study("linear"), sites(x, y, "linear"))

    found, figures = coefficients(model), fit_figures(model)
    assert [row.p for row in found] == pytest.approx(pooled.pvalues, abs=1e-9)
    assert [row.low for row in found] == pytest.approx(pooled.conf_int()[:, 0], abs=1e-6)
    assert figures["R squared"] == pytest.approx(pooled.rsquared, abs=1e-10)
    assert figures["p of F"] == pytest.approx(pooled.f_pvalue, abs=1e-10)


def test_scikit_learn_finds_the_same_logistic_model():
    x, eta = rows()
    y = outcomes("logistic", eta)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    pooled = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000).fit(z, y)

    model, _ = finished(study("logistic"), sites(x, y, "logistic"))

    found = [row.estimate for row in coefficients(model)[1:]]
    assert found == pytest.approx(pooled.coef_[0] / x.std(axis=0), abs=1e-6)


def test_counts_are_per_exposure():
    x, eta = rows()
    draw = np.random.default_rng(3)
    years = draw.uniform(0.2, 9, len(eta))
    y = draw.poisson(years * np.exp(0.4 * eta - 1)).astype(np.float64)
    pooled = sm.GLM(
        y, sm.add_constant(x), family=sm.families.Poisson(), offset=np.log(years)
    ).fit(tol=1e-14, maxiter=200)
    features = COLUMNS + numbers("years", low=0.01, high=20)

    terms = study("poisson", ', exposure = "years"', features)
    model, _ = finished(terms, sites(np.column_stack([x, years]), y, "poisson"))

    found = coefficients(model)
    assert [row.name for row in found] == ["intercept", "a", "b", "c"]
    assert [row.estimate for row in found] == pytest.approx(pooled.params, abs=1e-7)
    assert [row.error for row in found] == pytest.approx(pooled.bse, abs=1e-7)
    assert fit_figures(model)["null deviance"] == pytest.approx(
        float(pooled.null_deviance), rel=1e-6
    )


def test_columns_that_repeat_each_other_are_named_and_nothing_crashes():
    x, eta = rows()
    twins = np.column_stack([x[:, :2], 2 * x[:, 0] - x[:, 1]])

    model, reason = finished(
        study("logistic"), sites(twins, outcomes("logistic", eta), "logistic")
    )

    assert reason == "no unique coefficients: columns are collinear"
    assert named_direction(model) == ("a", "b", "c")
    assert coefficients(model) == ()


def test_a_column_that_never_varies_is_named():
    x, eta = rows()
    x[:, 1] = 7

    model, reason = finished(study("linear"), sites(x, outcomes("linear", eta), "linear"))

    assert "collinear" in reason
    assert named_direction(model) == ("b",)


def test_a_column_that_tells_the_outcome_is_named():
    x, eta = rows()
    y = (x[:, 0] > 0.3).astype(np.float64)

    model, reason = finished(study("logistic"), sites(x, y, "logistic"))

    assert reason == "no finite coefficients: columns separate the outcome"
    assert "a" in named_direction(model)
    assert coefficients(model) == ()
    assert eta.any()


def test_nearly_all_of_one_group_is_separation_too():
    x, eta = rows()
    y = outcomes("logistic", eta)
    x[:, 2] = np.where(y > 0, np.random.default_rng(5).random(500) < 0.3, 0)

    model, reason = finished(study("logistic"), sites(x, y, "logistic"))

    assert "separate" in reason
    assert "c" in named_direction(model)


@pytest.mark.parametrize("family", ["logistic", "poisson", "linear"])
def test_an_outcome_that_never_varies_has_no_coefficients(family):
    x, _ = rows()

    model, reason = finished(study(family), sites(x, np.zeros(500), family))

    assert reason == "no coefficients: the outcome never varies"
    assert coefficients(model) == ()


def test_a_penalty_answers_where_there_was_no_maximum():
    x, _ = rows()
    y = (x[:, 0] > 0.3).astype(np.float64)

    model, reason = finished(study("logistic", ", l2 = 1.0"), sites(x, y, "logistic"))

    assert reason.startswith("converged")
    assert coefficients(model)[1].estimate > 0


def test_the_order_and_the_dealing_of_rows_change_the_last_digits_only():
    x, eta = rows()
    y = outcomes("poisson", eta)
    other = np.random.default_rng(9).integers(0, 5, 500)

    one, _ = finished(study("poisson"), sites(x, y, "poisson"))
    two, _ = finished(study("poisson"), sites(x, y, "poisson", other))

    assert [row.estimate for row in coefficients(one)] == pytest.approx(
        [row.estimate for row in coefficients(two)], abs=1e-9
    )


def test_a_fit_of_many_rare_events_is_not_taken_for_separation():
    draw = np.random.default_rng(8)
    x = draw.normal(size=(60_000, 2))
    y = (draw.random(60_000) < 1 / (1 + np.exp(7.5 - 0.7 * x[:, 0]))).astype(np.float64)
    where = draw.integers(0, 3, 60_000)

    model, reason = finished(
        study("logistic", features=numbers("a", "b")), sites(x, y, "logistic", where)
    )

    assert reason.startswith("converged"), y.sum()
    assert coefficients(model)[1].estimate == pytest.approx(0.7, abs=0.4)


def test_stages_are_never_renumbered():
    assert (climb.RUNNING, climb.FINISHING, climb.DONE) == (0, 1, 2)
    assert (climb.COLLINEAR, climb.SEPARATED, climb.ONE_OUTCOME) == (3, 4, 5)
