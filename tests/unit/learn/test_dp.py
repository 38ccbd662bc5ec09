"""Training with a bound per patient: the bound first, then what training does."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from modelward.aggregate.fixed_point import UpdateSum
from modelward.core.columns import Inputs
from modelward.core.study import RecipeChoice
from modelward.errors import BadPrivacyTerms, DataError
from modelward.learn.dp import (
    MAX_ROWS,
    DpTerms,
    clipped_sum,
    noised_step,
    train,
)
from modelward.learn.examples import Examples
from modelward.learn.patients import Patients
from modelward.privacy.accounting import Event
from modelward.privacy.mechanism import GRID_BITS, MARGIN, OUTER_MARGIN, ClippedSum
from modelward.privacy.noise import Secret
from modelward.recipes.catalogue import recipe
from modelward.recipes.gradients.factors import FactoredGradients
from modelward.recipes.layers.draws import draws
from modelward.recipes.recipe import Recipe

LOGISTIC = recipe(RecipeChoice(name="logistic", options={"l2": 0.0}))
MLP = recipe(RecipeChoice(name="mlp", options={"hidden": (4,)}))
WIDE = recipe(RecipeChoice(name="mlp", options={"hidden": (64, 64)}))
"""Its second layer stays in factors for patients with a single row."""

CNN = recipe(
    RecipeChoice(
        name="cnn", options={"channels": (2, 4), "groups": 2, "pool": "flatten", "hidden": (5,)}
    )
)
SECRET = Secret(bytes(range(32)), ("study", 1, "task", "cohort"))
ONE = 2**GRID_BITS

Array = NDArray[Any]


def terms(**changes: Any) -> DpTerms:
    """Return the terms of a test, with `changes`."""
    plain: dict[str, Any] = {
        "steps": 3,
        "sampling": 0.5,
        "noise": 1.0,
        "clip": 1.0,
        "patients": 10,
        "lr": 0.1,
        "release_clip": 10.0,
    }
    return DpTerms(**(plain | changes))


def table(n: int, columns: int, seed: int) -> tuple[Array, Array]:
    """Return an invented table with outcomes; some rows are far away."""
    rng = np.random.default_rng(seed)
    scale = rng.choice([0.01, 1.0, 1e4], (n, 1))
    x = (rng.normal(size=(n, columns)) * scale).astype(np.float32)
    return x, rng.integers(0, 2, n).astype(np.int8)


def images(n: int, side: int, seed: int) -> tuple[Array, Array]:
    """Return invented images with outcomes."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (n, side, side)).astype(np.uint8)
    return x, rng.integers(0, 2, n).astype(np.int8)


def total(
    made: Recipe, flat: Array, x: Array, y: Array, owner: Array, clip: float = 1.0
) -> Array:
    """Return the clipped sum over all patients in units of clip * 2^-23."""
    patients = Patients(owner)
    inputs = Inputs("table" if x.ndim == 2 else "image", x.shape[1:])
    model = made.row_gradients(flat, x, y, inputs, 0.0)
    blocks = model.blocks if isinstance(model, FactoredGradients) else ()
    who, added = np.arange(len(patients)), ClippedSum(flat.size, clip, blocks)
    return clipped_sum(model, patients, who, added, draws("unused")).units


def largest_move(made: Recipe, seed: int) -> float:
    """Return by how much removing any one patient of a random batch moves the sum, in C."""
    rng = np.random.default_rng([seed, 77])
    counts = rng.choice([1, 1, 2, 5, 52, 150], rng.integers(1, 7))
    if made in (WIDE, CNN):  # larger models, smaller batches; mostly of single rows
        counts = rng.choice([1, 1, 1, 1, 2, 5], rng.integers(2, 9))
    owner = rng.permutation(np.repeat(rng.permutation(100)[: counts.size], counts))
    side = int(rng.integers(1, 6))
    x, y = images(owner.size, 4 + side, seed) if made is CNN else table(owner.size, side, seed)
    inputs = Inputs("image" if made is CNN else "table", x.shape[1:])
    flat = made.initial(inputs, seed) + rng.normal(size=made.schema(inputs).size).astype("f4")
    clip = float(10 ** rng.uniform(-3, 2))
    whole = total(made, flat, x, y, owner, clip)
    moves = [0.0]
    for patient in np.unique(owner):
        kept = owner != patient
        if kept.any():
            rest = total(made, flat, x[kept], y[kept], owner[kept], clip)
            moves.append(float(np.linalg.norm(whole - rest)) / ONE)
    return max(moves)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("made", "cohorts"), [(LOGISTIC, 200), (MLP, 80), (WIDE, 60), (CNN, 30)]
)
def test_removing_any_patient_moves_the_sum_by_at_most_the_clip_norm(made, cohorts):
    moves = [largest_move(made, seed) for seed in range(cohorts)]

    assert max(moves) <= 1 + 1e-6
    assert max(moves) > 0.999  # or nothing was ever clipped


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("made", "cohorts"), [(LOGISTIC, 5000), (MLP, 2500), (WIDE, 1500), (CNN, 1000)]
)
def test_the_same_over_ten_thousand_cohorts(made, cohorts):
    assert max(largest_move(made, seed) for seed in range(cohorts)) <= 1 + 1e-6


def test_layers_in_factors_add_up_to_what_they_do_when_written_out():
    x, y = table(90, 5, seed=3)
    owner = np.concatenate([np.arange(80), np.repeat([80, 81], 5)])
    inputs = Inputs("table", (5,))
    flat = WIDE.initial(inputs, 1)
    patients, model = Patients(owner), WIDE.row_gradients(flat, x, y, inputs, 0.0)
    out = np.empty((90, flat.size), np.float32)

    found = total(WIDE, flat, x, y, owner, clip=0.5) / ONE * 0.5

    model.gradients(np.arange(90), draws("unused"), out)
    means = [out[owner == each].mean(0, dtype=np.float64) for each in range(82)]
    norms = [max(float(np.linalg.norm(mean)), 1e-9) for mean in means]
    clipped = [mean * min(1, 0.5 / norm) for mean, norm in zip(means, norms, strict=True)]
    assert isinstance(model, FactoredGradients)
    assert [each.out * each.seen for each in model.blocks] == [64 * 64]
    assert len(patients) == 82
    assert np.linalg.norm(found - np.sum(clipped, axis=0)) < 82 * 0.5 * 2 * OUTER_MARGIN


def test_counting_rows_in_place_of_patients_would_break_the_bound():
    x, y = np.full((53, 1), 50, np.float32), np.zeros(53, np.int8)
    y[0] = 1
    flat = np.zeros(2, np.float32)
    patient, rows = np.array([0] + [1] * 52), np.arange(53)

    def moved(owner: Array) -> float:
        kept = slice(0, 1)
        whole = total(LOGISTIC, flat, x, y, owner)
        rest = total(LOGISTIC, flat, x[kept], y[kept], owner[kept])
        return float(np.linalg.norm(whole - rest))

    assert moved(patient) / ONE == pytest.approx(1, abs=1e-4)
    assert moved(rows) / ONE == pytest.approx(52, abs=1e-2)


@pytest.mark.parametrize("counts", [[1] * 9, [3, 1, 4], [1, MAX_ROWS + 40, 2], [130, 70]])
def test_the_sum_is_that_of_a_plain_loop_over_patients(counts):
    owner = np.random.default_rng(3).permutation(np.repeat(np.arange(len(counts)), counts))
    x, y = table(owner.size, 4, seed=9)
    x = np.clip(x, -3, 3)
    flat = np.array([0.1, 0.4, -0.2, 0.3, 0.05], np.float32)

    found = total(LOGISTIC, flat, x, y, owner, clip=0.3) / ONE * 0.3

    expected = np.zeros(5)
    for patient in range(len(counts)):
        mine = owner == patient
        design = np.concatenate([np.ones((mine.sum(), 1)), x[mine].astype(np.float64)], axis=1)
        p = 1 / (1 + np.exp(-np.clip(design @ flat.astype(np.float64), -700, 700)))
        mean = ((p - y[mine])[:, None] * design).mean(0)
        expected += mean * min(1, 0.3 / np.linalg.norm(mean))
    assert found == pytest.approx(expected, abs=1e-5 * len(counts) + 2 * MARGIN)


def test_the_same_step_gives_the_same_bits_and_another_task_gives_others():
    x, y = table(20, 3, seed=1)
    patients, flat = Patients(np.arange(20) // 2), np.zeros(4, np.float32)
    model = LOGISTIC.row_gradients(flat, x, y, Inputs(kind="table", shape=(3,)), 0.0)

    def step(secret: Secret, number: int = 0) -> bytes:
        return noised_step(model, patients, 4, terms(), secret, number).tobytes()

    assert step(SECRET) == step(SECRET)
    assert step(SECRET) != step(SECRET, 1)
    assert step(SECRET) != step(Secret(bytes(range(32)), ("study", 1, "other", "cohort")))


def trained(made: Recipe = LOGISTIC, **changes: Any) -> Array:
    """Return the update of a small site."""
    x, y = table(20, 3, seed=2)
    examples = Examples(x=x, y=y, patients=20)
    patients = Patients(np.arange(20))
    inputs = Inputs(kind="table", shape=(3,))
    start = made.initial(inputs, 0)
    return train(made, start, (examples, patients), terms(**changes), inputs, SECRET)


def test_an_update_is_repeated_to_the_bit_and_fits_the_sum_of_updates():
    first, again = trained(made=MLP), trained(made=MLP)

    assert first.tobytes() == again.tobytes()
    UpdateSum(first.size).add(first, 20)


def test_nobody_sampled_still_adds_noise_and_steps():
    update = trained(sampling=1e-18, patients=10**18, steps=1, lr=1.0, release_clip=30.0)

    noise = ClippedSum(4, 1.0).noised(1.0, SECRET.stream("noise", 0))
    assert update == pytest.approx(-noise, abs=1e-6)


def test_the_divisor_is_the_expected_batch_and_not_the_sampled_one():
    once = trained(steps=1, lr=1.0)
    half = trained(steps=1, lr=1.0, patients=20)

    assert once == pytest.approx(2 * half, abs=1e-6)


def test_with_hardly_any_noise_a_full_step_is_a_step_of_clipped_descent():
    x, y = table(20, 3, seed=2)
    update = trained(steps=1, sampling=1.0, noise=1e-6, patients=20, lr=0.5)

    mean = total(LOGISTIC, np.zeros(4, np.float32), x, y, np.arange(20)) / ONE / 20
    assert update == pytest.approx(-0.5 * mean, abs=1e-5)


def test_momentum_carries_noised_steps_on():
    plain = [trained(steps=steps, lr=0.01) for steps in (1, 2)]
    carried = trained(steps=2, lr=0.01, momentum=0.5)

    assert carried != pytest.approx(plain[1], abs=1e-7)
    # Had the second gradient not changed, the difference were half the first step.
    assert carried - plain[1] == pytest.approx(0.5 * plain[0], abs=2e-3)


def test_the_penalty_is_neither_clipped_nor_noised():
    made = recipe(RecipeChoice(name="logistic", options={"l2": 10.0}))
    inputs, start = Inputs(kind="table", shape=(1,)), np.array([0, 4], np.float32)
    x, y = np.zeros((2, 1), np.float32), np.array([0, 1], np.int8)
    data = (Examples(x=x, y=y, patients=2), Patients(np.arange(2)))
    few = terms(steps=1, sampling=1.0, noise=1e-6, patients=2, lr=0.1)

    update = train(made, start, data, few, inputs, SECRET)

    assert update[1] == pytest.approx(-0.1 * 10.0 * 4 / 2, abs=1e-5)


def test_memory_does_not_grow_with_the_logical_batch():
    x, y = table(4096, 500, seed=4)
    model = LOGISTIC.row_gradients(
        np.zeros(501, np.float32), x, y, Inputs(kind="table", shape=(500,)), 0.0
    )
    patients, one = Patients(np.arange(4096)), MAX_ROWS * 501 * 4

    tracemalloc.start()
    clipped_sum(model, patients, np.arange(4096), ClippedSum(501, 1.0), draws("unused"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 12 * one < 4096 * 501 * 4


def test_whole_patients_share_a_batch_and_a_large_one_has_its_own():
    patients = Patients(np.array([7, 7, 3, 9, 9, 9, 9, 9, 3, 1]))
    batches = [
        (rows.tolist(), counts.tolist()) for rows, counts in patients.batches(np.arange(4), 4)
    ]

    assert batches == [([9], [1]), ([2, 8, 0, 1], [2, 2]), ([3, 4, 5, 6, 7], [5])]


def test_one_round_is_one_event_for_every_patient():
    assert terms(steps=7, sampling=0.25, noise=1.5).event == Event(0.25, 1.5, 7)


@pytest.mark.parametrize(
    "wrong", [{"clip": 0.0}, {"noise": 0.0}, {"sampling": 1.5}, {"patients": 0}, {"lr": -1.0}]
)
def test_terms_that_bound_nothing_are_refused(wrong):
    with pytest.raises(BadPrivacyTerms):
        terms(**wrong)


@pytest.mark.parametrize("owner", [np.zeros(0, np.int64), np.zeros((2, 2), np.int64)])
def test_rows_without_patients_are_refused(owner):
    with pytest.raises(DataError, match="patients of rows"):
        Patients(owner)
