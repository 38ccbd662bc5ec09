"""Layers made for reading records are seen; drawn and trained ones are not."""

import numpy as np
import pytest

from modelward.privacy.leakage.crafted import crafted

DRAW = np.random.default_rng(2)


def model(weight: np.ndarray, bias: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Return a model of one layer."""
    return {
        "hidden1.weight": weight,
        "hidden1.bias": np.zeros(len(weight)) if bias is None else bias,
    }


START = model(DRAW.uniform(-0.5, 0.5, (32, 24)).astype(np.float32))
TRAINED = model(
    START["hidden1.weight"] + DRAW.normal(0, 0.2, (32, 24)), DRAW.normal(0, 0.3, 32)
)


def silent() -> dict[str, np.ndarray]:
    weight = TRAINED["hidden1.weight"].copy()
    weight[1:] = 0.0
    return model(weight)


MADE = {
    "point one way": model(np.outer(np.full(32, 0.2), np.ones(24)), -np.linspace(0, 2, 32)),
    "are zero": silent(),
    "hand their input on": model(np.eye(32, 24) + np.eye(32, 24, k=-24)),
    "have an extreme bias": model(TRAINED["hidden1.weight"], np.full(32, -40.0)),
}


def test_starts_and_trained_layers_have_no_such_form():
    assert crafted(START, START) == ()
    assert crafted(TRAINED, START) == ()


@pytest.mark.parametrize("form", MADE)
def test_every_form_is_seen(form):
    assert any(form in said for said in crafted(MADE[form], START))


def test_scaled_and_negated_copies_of_a_row_point_one_way():
    weight = TRAINED["hidden1.weight"].copy()
    weight[:20] = np.outer(np.linspace(-2, 2, 20) + 0.01, weight[0])

    assert any("point one way" in said for said in crafted(model(weight), START))


def test_what_is_zero_in_the_signed_start_is_no_finding():
    start = model(np.where(np.arange(32)[:, None] < 30, 0.0, START["hidden1.weight"]))

    assert crafted(start, start) == ()
