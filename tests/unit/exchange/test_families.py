"""Every family: its gradient is that of its logits, and its schema is what it starts with."""

import numpy as np
import pytest

from modelward.core.tensors import Schema
from modelward.errors import BadArtifact
from modelward.exchange.families.catalogue import load
from modelward.exchange.families.family import Shape
from modelward.exchange.methods.learn import Steps, labelled, learn

NAMES = ["linear", "mlp-8", "conv-4"]
SHAPE = Shape((6, 5), 3)


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_the_slope_of_the_logits(name):
    family, draw = load(name), np.random.default_rng(1)
    now = {k: v + 0.1 * draw.standard_normal(v.shape).astype(np.float32)
           for k, v in family.initial(SHAPE, 0).items()}  # fmt: skip
    x = draw.standard_normal((4, 6, 5)).astype(np.float32)
    slope = draw.standard_normal((4, 3))

    found = family.gradient(now, x, slope)

    for key, values in now.items():
        moved = {k: v.astype(np.float64) for k, v in now.items()}
        way = draw.standard_normal(values.shape)
        up, down = ({**moved, key: moved[key] + s * 1e-5 * way} for s in (1, -1))
        change = (family.logits(up, x) - family.logits(down, x)) * slope
        numeric = change.sum() / 2e-5
        assert np.sum(found[key] * way) == pytest.approx(numeric, rel=2e-2, abs=2e-3)


@pytest.mark.parametrize("name", NAMES)
def test_it_starts_with_its_schema_and_the_same_seed_gives_the_same_base(name):
    family = load(name)

    first, second = family.initial(SHAPE, 7), family.initial(SHAPE, 7)

    assert Schema.from_tensors(first) == family.schema(SHAPE)
    assert all(np.array_equal(first[k], second[k]) for k in first)


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_two_classes_that_lie_apart_and_the_same_bits_twice(name):
    draw = np.random.default_rng(2)
    y = np.arange(60) % 3
    x = (draw.standard_normal((60, 6, 5)) * 0.2).astype(np.float32)
    x[np.arange(60), y, :] += 1.5
    family = load(name)
    start, lesson = family.initial(SHAPE, 0), labelled(x, y, 3)

    once = learn(family, start, lesson, Steps(epochs=60), 0)
    again = learn(family, start, lesson, Steps(epochs=60), 0)

    assert (family.logits(once, x).argmax(1) == y).mean() > 0.95
    assert all(once[k].tobytes() == again[k].tobytes() for k in once)


@pytest.mark.parametrize(
    "name", ["mlp-0", "mlp-99999", "pickle", "conv", "linear-3", "mlp-64\n"]
)
def test_a_family_that_is_not_installed_is_refused(name):
    with pytest.raises(BadArtifact, match="no model family"):
        load(name)
