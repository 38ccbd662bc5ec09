"""Pooled and local models are trained as the federated one is, on other rows."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from modelward.readers.cohort import Cohort
from modelward.readers.open import open_cohort
from modelward.simulation.baselines import together
from modelward.simulation.comparisons import compare
from modelward.simulation.facts import notes
from modelward.simulation.folder import RunFolder
from modelward.simulation.training import How
from modelward.site.answering.alone import fit
from tests.studies import AVERAGED, TABLE, make_site, table_study

NEWTON, DESCENT = table_study(TABLE), table_study(AVERAGED)
STEPS = {
    steps: table_study(AVERAGED, ("\n[stop]\n", f"\n[plan.local]\nsteps = {steps}\n[stop]\n"))
    for steps in (3, 6)
}
AUC = table_study(AVERAGED, ('"loss"', '"auc"'))
UNWATCHED = table_study(AVERAGED, ('\n[stop]\nmetric = "loss"\n', ""))


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Cohort]:
    """Two sites with patients of their own."""
    folder: Path = tmp_path_factory.mktemp("baselines")
    return {
        name: open_cohort(make_site(folder / name, 200, seed) / "dataset.toml", DESCENT)
        for name, seed in (("south", 2), ("north", 1))
    }


def test_the_pooled_cohort_holds_every_unit_in_the_order_of_names(cohorts):
    pooled = together(cohorts)

    assert len(pooled.y) == 400
    assert np.array_equal(pooled.x[:200], cohorts["north"].x)
    assert np.array_equal(pooled.folds[200:], cohorts["south"].folds)


def test_a_newton_fit_is_that_of_scikit_learn_on_its_own_scaling(cohorts):
    pooled = together(cohorts)
    x, y = pooled.fold("train")

    found = fit(NEWTON, pooled, "pooled").model

    assert found is not None
    assert found.scaling is not None
    scaled = (x - x.mean(0)) / x.std(0)
    oracle = LogisticRegression(C=1.0, tol=1e-12, max_iter=10_000).fit(scaled, y)
    np.testing.assert_allclose(found.scaling.center, x.mean(0), rtol=1e-9)
    np.testing.assert_allclose(found.parameters[0], oracle.intercept_[0], atol=1e-6)
    np.testing.assert_allclose(found.parameters[1:], oracle.coef_[0], atol=1e-6)


@pytest.mark.parametrize("study", [DESCENT, UNWATCHED], ids=["watched", "unwatched"])
def test_a_descent_learns_and_is_the_same_again(cohorts, study):
    one, again = (fit(study, cohorts["north"], "north").model for _ in range(2))

    assert one is not None
    assert again is not None
    assert np.array_equal(one.parameters, again.parameters)
    assert np.abs(one.parameters).max() > 0.01


def test_without_validation_units_the_last_round_is_kept(cohorts):
    north = cohorts["north"]
    none_held = Cohort(x=north.x, y=north.y, folds=np.where(north.folds == 1, 0, north.folds))

    watched, unwatched = (
        fit(study, none_held, "north").model for study in (DESCENT, UNWATCHED)
    )

    assert watched is not None
    assert unwatched is not None
    assert np.array_equal(watched.parameters, unwatched.parameters)


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (1, "all 5 training patients have the outcome"),
        (0, "all 5 training patients are without"),
    ],
)
def test_a_single_class_has_no_model_and_a_reason(label, said):
    cohort = Cohort(x=np.ones((5, 4)), y=np.full(5, label, np.int8), folds=np.zeros(5, np.int8))

    found = fit(NEWTON, cohort, "north")

    assert found.model is None
    assert said in found.reason


def test_nobody_has_no_model_and_a_reason():
    nobody = Cohort(x=np.ones((0, 4)), y=np.zeros(0, np.int8), folds=np.zeros(0, np.int8))

    assert fit(NEWTON, nobody, "north").reason.startswith("all 0 training patients")


def test_where_steps_are_counted_pooled_makes_those_of_all_sites(cohorts, tmp_path):
    folder = RunFolder(tmp_path)
    folder.baselines.mkdir()

    models = compare(folder, STEPS[3], cohorts, How(workers=1))

    pooled, north = models["pooled"].model, models["north"].model
    as_many = fit(STEPS[6], together(cohorts), "pooled").model
    alone = fit(STEPS[3], cohorts["north"], "north").model
    assert pooled is not None
    assert north is not None
    assert as_many is not None
    assert alone is not None
    assert np.array_equal(pooled.parameters, as_many.parameters)
    assert np.array_equal(north.parameters, alone.parameters)


def without(cohort: Cohort, label: int) -> Cohort:
    """Return a cohort whose held-back units have one outcome only."""
    held = (cohort.folds == 1) & (cohort.y == label)
    return Cohort(x=cohort.x, y=cohort.y, folds=np.where(held, 0, cohort.folds))


def test_with_one_outcome_held_back_the_loss_chooses_the_pass_and_it_is_said(cohorts):
    north = without(cohorts["north"], 1)

    by_auc, by_loss = fit(AUC, north, "north"), fit(DESCENT, north, "north")

    assert by_auc.model is not None
    assert by_loss.model is not None
    assert by_auc.chosen == "by the log loss, as the AUC had no value after every round"
    assert by_loss.chosen == fit(AUC, cohorts["north"], "north").chosen == ""
    assert np.array_equal(by_auc.model.parameters, by_loss.model.parameters)


def test_a_report_names_the_comparison_models_that_the_watched_figure_did_not_choose(
    cohorts, tmp_path
):
    folder = RunFolder(tmp_path / "run")
    folder.baselines.mkdir(parents=True)
    alike = {name: without(cohort, 1) for name, cohort in cohorts.items()}
    one = {**alike, "south": cohorts["south"]}

    compare(folder, AUC, one, How(workers=1))
    again = compare(folder, AUC, one, How(workers=1))  # as an interrupted run reads them

    assert notes({}, [], again, {}) == (
        "north: the pass of its own training is kept by the log loss, as the AUC had no value"
        " after every round.",
    )
