"""Steps of the hub, held to oracles: scikit-learn for Newton, numpy for averages."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from modelward.aggregate.fixed_point import round_update
from modelward.core.artifact import Artifact, Card
from modelward.core.tensors import Tensors
from modelward.core.verdict import Release
from modelward.errors import BadUpdate, StudyFileError
from modelward.hub.collectors import Sums, Updates
from modelward.hub.round import Arrays
from modelward.hub.strategy import strategy
from modelward.learn import newton
from modelward.learn.newton import l2_of
from modelward.readers.dataset import Dataset, Source
from modelward.readers.tables.table import read_table
from modelward.simulation import data
from modelward.study.model import parameter_schema
from modelward.study.read import read
from tests.studies import AVERAGED, TABLE, table_study


def release(tensors: Tensors, patients: int = 10, site: str = "a") -> Release:
    """A release with as much of a card as sums look at."""
    card = Card(
        kind="update", study="", round_no=1, task="t", site=site, schema="", sha256="",
        nbytes=0, patients=patients,
    )  # fmt: skip
    return Release(site, "t", Artifact(card, tensors))


def sums_at(beta: np.ndarray, x: np.ndarray, y: np.ndarray) -> Tensors:
    found = newton.sums(beta, x, y)
    return {
        "gradient": found.gradient,
        "hessian": found.hessian,
        "loss": np.array([found.loss]),
    }


def train(x: np.ndarray, y: np.ndarray, cuts: list[int], l2: float, rounds: int) -> np.ndarray:
    """Run Newton rounds over sites that hold consecutive rows."""
    plan = strategy(table_study(TABLE, ("l2 = 1.0", f"l2 = {l2}")))
    memory: Arrays = {}
    beta = np.zeros(x.shape[1] + 1)
    for _ in range(rounds):
        collected = plan.collector()
        for xs, ys in zip(np.split(x, cuts), np.split(y, cuts), strict=True):
            collected.add(release(sums_at(beta, xs, ys), len(ys)))
        beta, memory = plan.step(collected, beta, memory)
    return beta


def oracle(x: np.ndarray, y: np.ndarray, l2: float) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # sklearn's own, about its arguments
        fitted = LogisticRegression(C=1 / l2, tol=1e-12, max_iter=10_000).fit(x, y)
    return np.concatenate([fitted.intercept_, fitted.coef_[0]])


@pytest.mark.parametrize("l2", [0.1, 1.0, 30.0])
def test_newton_over_sites_is_the_pooled_fit_of_scikit_learn(l2):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(400, 4))
    y = (rng.random(400) < 1 / (1 + np.exp(-(x @ [1, -2, 0.5, 0] + 0.3)))).astype(np.int8)

    found = train(x, y, [50, 51, 300], l2, rounds=12)

    np.testing.assert_allclose(found, oracle(x, y, l2), atol=1e-6)


def test_newton_on_the_heart_data_is_the_pooled_fit_of_scikit_learn(tmp_path):
    x, y, cuts = heart(tmp_path)

    np.testing.assert_allclose(train(x, y, cuts, 1.0, 10), oracle(x, y, 1.0), atol=1e-6)


def heart(tmp_path: Path) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Standardised training rows of the four hospitals, and where each begins."""
    path = tmp_path / "heart.csv"
    data.write_heart(path)
    study = read(data.STUDIES / "heart-disease.toml")
    source = Source(kind="table", path=path.name, split="split")
    cohort = read_table(path, Dataset(dataset=source), study)
    x, y = cohort.fold("train")
    return (x - x.mean(0)) / x.std(0), y, [199, 371, 401]


def test_a_step_after_which_the_objective_rose_is_taken_back_by_half():
    plan = strategy(table_study(TABLE, ("l2 = 1.0", "l2 = 0.0")))
    gradient, hessian = np.zeros(5), np.eye(5)

    def at(loss: float) -> Sums:
        collected: Sums = plan.collector()
        tensors = {"gradient": gradient, "hessian": hessian, "loss": np.array([loss])}
        collected.add(release(tensors))
        return collected

    gradient[:] = -2.0
    start = np.zeros(5)
    first, memory = plan.step(at(10.0), start, {})
    assert first.tolist() == [2.0] * 5
    second, memory = plan.step(at(11.0), first, memory)
    assert second.tolist() == [1.0] * 5
    third, memory = plan.step(at(10.5), second, memory)
    assert third.tolist() == [0.5] * 5
    fourth, _ = plan.step(at(9.0), third, memory)
    assert fourth.tolist() == [2.5] * 5


def test_newton_converges_where_full_steps_overshoot():
    x = np.array([[-8.0], [-7.0], [9.0], [10.0], [0.5], [-0.5], [40.0]])
    y = np.array([0, 0, 1, 1, 0, 1, 0], np.int8)

    found = train(x, y, [2, 5], 0.001, rounds=40)

    np.testing.assert_allclose(found, oracle(x, y, 0.001), atol=1e-5)


def test_updates_are_averaged_by_patients():
    study = table_study(AVERAGED)
    schema = parameter_schema(study)
    plan = strategy(study)
    collected: Updates = plan.collector()
    flats = [round_update(np.full(schema.size, value, np.float32)) for value in (0.5, -0.25)]
    for flat, patients in zip(flats, (30, 10), strict=True):
        collected.add(release(schema.split(flat), patients))

    moved, memory = plan.step(collected, np.ones(schema.size, np.float32), {})

    assert moved.tolist() == [1 + (30 * 0.5 - 10 * 0.25) / 40] * schema.size
    assert moved.dtype == np.float32
    assert dict(memory) == {}


def test_the_memory_of_the_server_optimiser_goes_from_round_to_round():
    study = table_study(AVERAGED + '\n[plan.server]\nname = "momentum"\nlr = 1.0\n')
    schema = parameter_schema(study)
    plan = strategy(study)
    memory: Arrays = {}
    moved = np.zeros(schema.size, np.float32)
    for _ in range(2):
        collected = plan.collector()
        collected.add(release(schema.split(np.full(schema.size, 0.5, np.float32))))
        moved, memory = plan.step(collected, moved, memory)

    assert memory
    assert moved[0] == pytest.approx(0.5 + (0.5 + 0.9 * 0.5))


def test_a_site_off_the_grid_is_refused_and_leaves_the_sums_as_they_were():
    sums = Sums(table_study(), "statistics")
    sums.add(release({"units": np.array([3.0])}, 3))

    with pytest.raises(BadUpdate):
        sums.add(release({"units": np.array([2.0**-50])}, 3))
    with pytest.raises(BadUpdate):
        sums.add(release({"units": np.array([np.nan])}, 3))

    assert sums.totals()["units"].tolist() == [3.0]
    assert sums.patients == 3


def test_newton_needs_a_recipe_that_is_logistic():
    study = table_study(AVERAGED, ('name = "logistic"\noptions = { l2 = 1.0 }', 'name = "mlp"'))

    with pytest.raises(StudyFileError, match="cannot be trained by Newton"):
        l2_of(study)
