"""Models of a site's own, held to the plain loops of their papers and to what they promise."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from modelward.core.columns import Inputs
from modelward.core.study import RecipeChoice
from modelward.learn import apfl, personal
from modelward.learn.examples import Examples
from modelward.learn.sgd import LocalTerms, train
from modelward.learn.steps import Pull
from modelward.recipes.catalogue import recipe
from modelward.recipes.layers.draws import draws

Vector = NDArray[Any]
LOGISTIC = recipe(RecipeChoice(name="logistic", options={"l2": 0.0}))
SHAPE = Inputs("table", (2,))
TERMS = LocalTerms(
    epochs=2, batch=8, lr=0.3, momentum=0.0, adjust_logits=False, clip=64.0,
    words=("train", 0, 1, "north"),
)  # fmt: skip
COMMON = np.array([0.2, -0.5, 0.4], np.float32)


def examples(number: int, seed: int) -> Examples:
    rng = np.random.default_rng([3, seed])
    x = rng.normal(size=(number, 2))
    y = (rng.random(number) < 1 / (1 + np.exp(-(x @ [2.0, -1.0])))).astype(np.int8)
    return Examples(x=x, y=y, patients=number)


HELD = examples(30, 1)


def gradient(w: Vector, rows: Vector) -> Vector:
    x, y = HELD.x[rows], HELD.y[rows]
    p = 1 / (1 + np.exp(-(w[0] + x @ w[1:])))
    return np.concatenate([[(p - y).mean()], ((p - y)[:, None] * x).mean(0)])


def batches(*words: str | int) -> Iterator[Vector]:
    draw = draws(*words)
    for _ in range(2):
        order = draw.permutation(30)
        yield from (order[first : first + 8] for first in range(0, 30, 8))


def test_ditto_is_its_paper():
    own, strength = np.array([1.0, 0.0, 0.0]), 0.7
    for rows in batches(*TERMS.words, "own"):
        own = own - TERMS.lr * (gradient(own, rows) + strength * (own - COMMON))
    terms = replace(TERMS, pull=Pull(proximal=strength))
    start = np.array([1.0, 0.0, 0.0], np.float32)

    found = personal.ditto(LOGISTIC, start, COMMON, HELD, terms, SHAPE)

    np.testing.assert_allclose(found, own, atol=2e-6)
    assert start.tolist() == [1.0, 0.0, 0.0]


def test_a_strong_pull_of_ditto_leads_to_the_common_model():
    terms = replace(TERMS, epochs=40, lr=0.009, pull=Pull(proximal=100.0))

    found = personal.ditto(LOGISTIC, COMMON + 1, COMMON, HELD, terms, SHAPE)

    np.testing.assert_allclose(found, COMMON, atol=0.02)


def test_apfl_is_its_paper():
    w, v, alpha, first = COMMON.astype(float), COMMON.astype(float) + 0.5, 0.5, True
    for rows in batches(*TERMS.words):
        g = gradient(alpha * v + (1 - alpha) * w, rows)
        if first:
            alpha = min(max(alpha - TERMS.lr * float((v - w) @ g), 0), 1)
            first = False
        v = v - TERMS.lr * alpha * g
        w = w - TERMS.lr * gradient(w, rows)
    flat = COMMON.copy()

    found = apfl.descend(LOGISTIC, flat, apfl.Mixed(COMMON + 0.5, 0.5), HELD, TERMS, SHAPE)

    np.testing.assert_allclose(flat, w, atol=2e-6)
    np.testing.assert_allclose(found.own, v, atol=2e-6)
    assert found.share == pytest.approx(alpha, abs=1e-6)


def test_apfl_changes_no_bit_of_the_common_model():
    flat = COMMON.copy()
    apfl.descend(LOGISTIC, flat, apfl.Mixed(COMMON + 0.5, 0.5), HELD, TERMS, SHAPE)

    plain = train(LOGISTIC, COMMON, HELD, TERMS, SHAPE)

    np.testing.assert_allclose(flat - COMMON, plain, atol=2**-24)


def test_fine_tuning_never_ends_with_a_higher_held_out_loss_than_it_began():
    for seed in range(8):
        held_out = examples(12, 100 + seed)
        found, at = personal.fine_tuned(LOGISTIC, COMMON, (HELD, held_out), TERMS, 6, SHAPE)
        before = personal.loss(LOGISTIC, COMMON, held_out, SHAPE)

        assert personal.loss(LOGISTIC, found, held_out, SHAPE) <= before
        assert 0 <= at <= 6


def test_a_common_model_that_no_pass_beats_stays():
    wrong_way = Examples(x=-HELD.x, y=HELD.y, patients=30)

    found, at = personal.fine_tuned(LOGISTIC, COMMON, (HELD, wrong_way), TERMS, 6, SHAPE)

    assert at == 0
    assert found.tobytes() == COMMON.tobytes()
