"""Local training: one step by hand, bounds that always hold, and the same bits again."""

from math import cos, pi

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.aggregate.fixed_point import round_update
from modelward.core.columns import Inputs
from modelward.core.study import Plan, RecipeChoice
from modelward.errors import TrainingFailed
from modelward.learn.examples import Examples
from modelward.learn.sgd import LocalTerms, learning_rate, offer, train
from modelward.recipes.catalogue import recipe

ROWS = Inputs("table", (2,))
LOGISTIC = recipe(RecipeChoice(name="logistic", options={"l2": 0.0}))


def terms(**changes: object) -> LocalTerms:
    """Return one epoch in one batch at learning rate 1, changed as asked."""
    usual = {
        "epochs": 1,
        "batch": 100,
        "lr": 1.0,
        "momentum": 0.0,
        "adjust_logits": False,
        "clip": 10.0,
        "words": ("train", 0, 1, "north"),
    }
    return LocalTerms(**{**usual, **changes})  # type: ignore[arg-type]


def some_examples(n: int = 40) -> Examples:
    """Return a table that a line separates nearly."""
    drawn = np.random.default_rng(3)
    x = drawn.normal(size=(n, 2)).astype(np.float32)
    y = (x[:, 0] + 0.3 * drawn.normal(size=n) > 0).astype(np.int8)
    return Examples(x, y, n)


def test_one_logistic_step_by_hand():
    x = np.array([[1.0, 0.0], [0.0, 2.0]], np.float32)
    examples = Examples(x, np.array([1, 0], np.int8), 2)

    delta = train(LOGISTIC, np.zeros(3, np.float32), examples, terms(), ROWS)

    # p = 1/2 for both: the gradient is the mean of (-1/2)(1, 1, 0) and (1/2)(1, 0, 2).
    assert delta.tolist() == [0.0, 0.25, -0.5]


def test_momentum_by_hand():
    x = np.array([[1.0, 0.0], [1.0, 0.0]], np.float32)
    examples = Examples(x, np.array([1, 1], np.int8), 2)
    start = np.zeros(3, np.float32)

    once = train(LOGISTIC, start, examples, terms(lr=0.1), ROWS)
    twice = train(LOGISTIC, start, examples, terms(lr=0.1, epochs=2, momentum=0.5), ROWS)

    p = 1 / (1 + np.exp(-0.1))
    assert once[0] == pytest.approx(0.05)
    assert twice[0] == pytest.approx(0.05 + 0.1 * (0.5 * 0.5 + (1 - p)), abs=1e-6)


def test_the_penalty_is_shared_over_the_sites_own_units_and_spares_the_intercept():
    penalised = recipe(RecipeChoice(name="logistic", options={"l2": 4.0}))
    x = np.zeros((2, 2), np.float32)
    examples = Examples(x, np.array([1, 0], np.int8), 2)
    start = np.array([0.0, 1.0, -1.0], np.float32)

    delta = train(penalised, start, examples, terms(lr=0.125), ROWS)

    assert delta.tolist() == [0.0, -0.25, 0.25]  # lr * l2 / n = 0.25 of each weight


def test_logit_adjustment_explains_a_skewed_site_by_its_prior():
    examples = Examples(np.zeros((8, 2), np.float32), np.ones(8, np.int8), 8)
    start = np.zeros(3, np.float32)

    plain = train(LOGISTIC, start, examples, terms(), ROWS)
    adjusted = train(LOGISTIC, start, examples, terms(adjust_logits=True), ROWS)

    # Smoothed odds of eight sick and none healthy are 9 to 1: p = 0.9 before any step.
    assert plain[0] == pytest.approx(0.5)
    assert adjusted[0] == pytest.approx(0.1, abs=1e-6)


@pytest.mark.parametrize("round_no", [1, 7, 20])
def test_the_schedules(round_no):
    constant = Plan(lr=0.2, rounds=20)
    cosine = Plan(lr=0.2, rounds=20, schedule="cosine")

    assert learning_rate(constant, round_no) == 0.2
    expected = 0.1 * (1 + cos(pi * (round_no - 1) / 20))
    assert learning_rate(cosine, round_no) == pytest.approx(expected)


def test_terms_follow_the_plan():
    plan = Plan(
        local_epochs=3, batch=8, momentum=0.9, label_skew="logit-adjustment", seed=5, lr=0.1
    )

    found = LocalTerms.of(plan, clip=2.0, round_no=4, site="north")

    assert found == terms(
        epochs=3,
        batch=8,
        lr=0.1,
        momentum=0.9,
        adjust_logits=True,
        clip=2.0,
        words=("train", 5, 4, "north"),
    )


@given(
    st.lists(st.floats(-60, 60, width=32), min_size=1, max_size=50),
    st.floats(1e-6, 64),
)
def test_an_offer_is_on_the_grid_and_never_longer_than_the_clip(values, clip):
    start = np.full(len(values), 0.125, np.float32)

    update = offer(np.array(values, np.float32), start, clip)

    assert np.linalg.norm(update.astype(np.float64)) <= clip
    assert round_update(update.copy()).tobytes() == update.tobytes()


def test_a_short_update_is_not_scaled():
    start = np.zeros(2, np.float32)

    assert offer(np.array([3.0, 4.0], np.float32), start, 5.5).tolist() == [3.0, 4.0]


def test_a_long_update_keeps_its_direction():
    update = offer(np.array([30.0, 40.0], np.float32), np.zeros(2, np.float32), 5.0)

    assert update.tolist() == pytest.approx([3.0, 4.0], rel=1e-5)


def test_a_loss_that_is_not_finite_stops_training_with_a_remedy():
    examples = Examples(np.full((4, 2), 1e30, np.float32), np.array([0, 1, 1, 1], np.int8), 4)

    with pytest.raises(TrainingFailed, match="loss became") as caught:
        train(LOGISTIC, np.zeros(3, np.float32), examples, terms(epochs=9, lr=1e30), ROWS)

    assert "plan.lr" in caught.value.remedy


@pytest.mark.parametrize("last", [np.nan, np.inf])
def test_parameters_that_are_not_finite_are_never_offered(last):
    with pytest.raises(TrainingFailed, match="not finite"):
        offer(np.array([0.0, last], np.float32), np.zeros(2, np.float32), 1.0)


@pytest.mark.parametrize("name", ["logistic", "mlp", "cnn"])
def test_the_same_terms_give_the_same_bits_and_other_words_others(name):
    examples, inputs = some_examples(), ROWS
    if name == "cnn":
        inputs = Inputs("image", (8, 8))
        pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
        examples = Examples(pixels, examples.y, 40)
    choice = RecipeChoice(name=name)
    if name == "cnn":
        choice = RecipeChoice(name=name, options={"channels": (8,), "shift": 1})
    chosen = recipe(choice)
    start = chosen.initial(inputs, 0)
    short = terms(batch=16, lr=0.1, momentum=0.9, epochs=2)
    slot = np.zeros(start.size, np.float32)

    once = train(chosen, start, examples, short, inputs)
    again = train(chosen, start, examples, short, inputs, out=slot)
    other = train(chosen, start, examples, terms(batch=16, words=("train", 1)), inputs)

    assert again is slot
    assert once.tobytes() == again.tobytes()
    assert once.tobytes() != other.tobytes()
    assert start.tobytes() == chosen.initial(inputs, 0).tobytes()


@pytest.mark.parametrize("name", ["logistic", "mlp"])
def test_training_learns_what_there_is_to_learn(name):
    examples = some_examples(200)
    chosen = recipe(RecipeChoice(name=name))
    start = chosen.initial(ROWS, 0)

    delta = train(chosen, start, examples, terms(epochs=20, batch=16, lr=0.1), ROWS)

    right = (chosen.probabilities(start + delta, examples.x, ROWS) > 0.5) == examples.y
    assert right.mean() > 0.85
