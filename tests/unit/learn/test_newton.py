"""Newton's fit against independent oracles, and sums over sites against the pooled fit."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from modelward.aggregate import newton_step
from modelward.aggregate.fixed_point import exact_sum
from modelward.aggregate.newton_step import NewtonSums
from modelward.errors import TrainingFailed
from modelward.learn.newton import fit, sums


def cohort(n: int = 400, k: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return columns and outcomes of a logistic model with unit coefficients."""
    drawn = np.random.default_rng(seed)
    x = drawn.normal(size=(n, k))
    return x, (drawn.random(n) < 1 / (1 + np.exp(-x.sum(axis=1) + 0.5))).astype(np.int8)


def test_the_fit_is_that_of_scikit_learn():
    x, y = cohort()
    oracle = LogisticRegression(C=1 / 2.5, tol=1e-12, max_iter=10_000).fit(x, y)

    found = fit(x, y, l2=2.5)

    assert found.beta[0] == pytest.approx(oracle.intercept_[0], abs=1e-6)
    assert found.beta[1:] == pytest.approx(oracle.coef_[0], abs=1e-6)
    assert found.steps < 10


def test_the_unpenalised_fit_is_that_of_statsmodels():
    api = pytest.importorskip("statsmodels.api")
    x, y = cohort()
    oracle = api.Logit(y, api.add_constant(x)).fit(disp=0, tol=1e-12)

    found = fit(x, y, l2=0.0)

    assert found.beta == pytest.approx(oracle.params, abs=1e-7)
    assert found.objective == pytest.approx(-oracle.llf, abs=1e-7)


def test_sums_over_sites_are_the_pooled_sums():
    x, y = cohort(5000)
    beta = np.array([0.1, -0.2, 0.3, 0.4, 0.5])
    cuts = [slice(0, 7), slice(7, 4500), slice(4500, 5000)]

    whole = sums(beta, x, y)
    parts = [sums(beta, x[cut], y[cut]) for cut in cuts]
    added = exact_sum({"g": p.gradient, "h": p.hessian, "l": np.array(p.loss)} for p in parts)

    np.testing.assert_allclose(added["g"], whole.gradient, atol=1e-9)
    np.testing.assert_allclose(added["h"], whole.hessian, atol=1e-9)
    assert float(added["l"]) == pytest.approx(whole.loss, abs=1e-9)
    assert sum(p.patients for p in parts) == 5000


def test_sums_by_hand():
    found = sums(np.zeros(2), np.array([[1.0], [3.0]]), np.array([1, 0], np.int8), patients=1)

    assert found.gradient.tolist() == [0.0, 1.0]
    assert found.hessian.tolist() == [[0.5, 1.0], [1.0, 2.5]]
    assert found.loss == pytest.approx(2 * np.log(2), abs=2**-41)
    assert found.patients == 1


def test_a_site_with_one_class_contributes_like_any_other():
    x, y = cohort()
    ill = y == 1
    parts = [sums(np.zeros(5), x[ill], y[ill]), sums(np.zeros(5), x[~ill], y[~ill])]

    added = exact_sum({"g": part.gradient} for part in parts)["g"]

    np.testing.assert_allclose(added, sums(np.zeros(5), x, y).gradient, atol=1e-9)


def test_perfect_separation_is_refused_without_a_penalty_and_fitted_with_one():
    x = np.linspace(-1, 1, 20)[:, None]
    y = (x[:, 0] > 0).astype(np.int8)

    with pytest.raises(TrainingFailed):
        fit(x, y, l2=0.0)

    assert np.isfinite(fit(x, y, l2=1.0).beta).all()


def test_a_fit_that_overshoots_goes_back_half_the_way():
    # One far outlier against the trend: full Newton steps from zero raise the objective.
    x = np.concatenate([np.full(200, 0.01), np.full(200, -0.01), [100.0]])[:, None]
    y = np.concatenate([np.ones(200), np.zeros(200), [0]]).astype(np.int8)
    start = sums(np.zeros(2), x, y)
    full = newton_step.step(np.zeros(2), start, 1e-4)

    found = fit(x, y, l2=1e-4)

    gradient = sums(found.beta, x, y).gradient + 1e-4 * np.array([0.0, found.beta[1]])
    assert np.abs(gradient).max() < 1e-6
    assert np.isfinite(full).all()


def test_a_fit_that_does_not_arrive_says_so():
    x, y = cohort()

    with pytest.raises(TrainingFailed, match="each of 2 steps"):
        fit(x, y, l2=1.0, max_steps=2)


def test_the_federated_loop_ends_where_the_pooled_fit_does():
    x, y = cohort(900, 6, seed=4)
    sites = np.random.default_rng(1).integers(0, 4, 900)
    beta = np.zeros(7)
    for _ in range(8):
        parts = [sums(beta, x[sites == s], y[sites == s]) for s in range(4)]
        added = exact_sum({"g": part.gradient, "h": part.hessian} for part in parts)
        beta = newton_step.step(beta, NewtonSums(added["g"], added["h"], 0.0, 900), 1.0)

    np.testing.assert_allclose(beta, fit(x, y, l2=1.0).beta, atol=1e-9)
