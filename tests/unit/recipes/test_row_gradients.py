"""Gradients of single examples, held to a loop over autograd."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from modelward.core.columns import Inputs
from modelward.core.study import RecipeChoice
from modelward.errors import BadPrivacyTerms
from modelward.recipes.catalogue import recipe
from modelward.recipes.gradients.objective import YesNo
from modelward.recipes.gradients.row_gradients import TorchRowGradients
from modelward.recipes.gradients.torch_cpu import Forward, TableBatches, shared
from modelward.recipes.layers.draws import draws
from modelward.recipes.networks import cnn_torch, mlp_torch
from modelward.recipes.recipe import Recipe

TABLE = Inputs(kind="table", shape=(5,))
IMAGE = Inputs(kind="image", shape=(9, 9))
CASES = {
    "logistic": (RecipeChoice(name="logistic"), TABLE),
    "mlp": (RecipeChoice(name="mlp", options={"hidden": (7, 3)}), TABLE),
    "cnn with groups": (
        RecipeChoice(name="cnn", options={"channels": (4, 8), "groups": 2}),
        IMAGE,
    ),
    "cnn without norm": (
        RecipeChoice(
            name="cnn",
            options={"channels": (3,), "norm": "none", "pool": "flatten", "hidden": (4,)},
        ),
        IMAGE,
    ),
    "cnn of votes": (
        RecipeChoice(
            name="cnn",
            options={"channels": (3, 4), "norm": "none", "pool": "votes", "trim": 0.1},
        ),
        IMAGE,
    ),
}


def forward_of(made: Any) -> Forward:
    """Return the function that a recipe computes."""
    if made.name == "logistic":
        return lambda named, x: x @ named["weight"] + named["intercept"]
    return mlp_torch.forward(made.layers) if made.name == "mlp" else cnn_torch.forward(made)


def inputs_of(inputs: Inputs, n: int) -> tuple[NDArray[Any], NDArray[np.int8]]:
    """Return invented inputs and outcomes."""
    rng = np.random.default_rng(5)
    y = rng.integers(0, 2, n).astype(np.int8)
    if inputs.kind == "table":
        return rng.normal(size=(n, *inputs.shape)).astype(np.float32), y
    return rng.integers(0, 256, (n, *inputs.shape)).astype(np.uint8), y


def by_loop(
    made: Recipe,
    flat: NDArray[Any],
    x: NDArray[Any],
    y: NDArray[Any],
    inputs: Inputs,
    offset: float,
) -> NDArray[np.float64]:
    """Return the gradients one by one, in float64."""
    if inputs.kind == "image":
        x = (x.astype(np.float64) / 127.5 - 1)[:, None]
    rows = []
    for xi, yi in zip(x, y, strict=True):
        named = {
            name: torch.tensor(values, dtype=torch.float64, requires_grad=True)
            for name, values in made.schema(inputs).split(flat).items()
        }
        z = forward_of(made)(named, torch.tensor(xi[None], dtype=torch.float64))[0] + offset
        loss = functional.softplus(z) - int(yi) * z
        found = torch.autograd.grad(loss, list(named.values()))
        rows.append(np.concatenate([part.numpy().reshape(-1) for part in found]))
    return np.array(rows)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_row_has_the_gradient_it_has_alone(case):
    choice, inputs = case
    made, (x, y) = recipe(choice), inputs_of(inputs, 6)
    flat = made.initial(inputs, 3) + np.float32(0.01)
    out = np.full((4, flat.size), np.nan, np.float32)
    rows = np.array([5, 0, 0, 2])

    model = made.row_gradients(flat, x, y, inputs, 0.3)
    model.gradients(rows, draws("unused"), out)

    expected = by_loop(made, flat, x[rows], y[rows], inputs, 0.3)
    assert np.abs(out - expected).max() < 1e-5
    assert np.abs(expected).max() > 1e-2


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_gradients_follow_the_vector_as_it_moves(case):
    choice, inputs = case
    made, (x, y) = recipe(choice), inputs_of(inputs, 3)
    flat = made.initial(inputs, 3)
    rows, out = np.arange(3), np.empty((3, flat.size), np.float32)
    model = made.row_gradients(flat, x, y, inputs, 0.0)

    flat += np.float32(0.05)
    model.gradients(rows, draws("unused"), out)

    assert np.abs(out - by_loop(made, flat, x, y, inputs, 0.0)).max() < 1e-5


def test_the_penalty_spares_the_intercept():
    made = recipe(RecipeChoice(name="logistic", options={"l2": 2.0}))
    flat = np.array([9, 1, 2, 3, 4, 5], np.float32)
    x, y = inputs_of(TABLE, 2)

    penalty = made.row_gradients(flat, x, y, TABLE, 0.0).penalty()

    assert penalty is not None
    assert penalty.tolist() == [0, 2, 4, 6, 8, 10]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_no_installed_recipe_mixes_rows(case):
    choice, inputs = case
    made, (x, y) = recipe(choice), inputs_of(inputs, 6)

    made.row_gradients(made.initial(inputs, 3), x, y, inputs, 0.0).require_apart(np.arange(6))


def test_a_model_that_normalises_over_the_batch_is_refused():
    def forward(named: Mapping[str, Tensor], x: Tensor) -> Tensor:
        return functional.batch_norm(x, None, None, training=True) @ named["weight"]

    x, y = inputs_of(TABLE, 6)
    named = shared({"weight": np.ones(5, np.float32)})
    model = TorchRowGradients(forward, named, TableBatches(x), y, YesNo())

    # torch itself refuses to normalise over one row, which is as good an answer.
    with pytest.raises((BadPrivacyTerms, ValueError)):
        model.require_apart(np.arange(6))


@pytest.mark.parametrize("start", [1.0, 0.0], ids=["at work", "before round 1"])
def test_a_model_that_centres_over_the_batch_is_refused(start):
    def forward(named: Mapping[str, Tensor], x: Tensor) -> Tensor:
        return (x - x.mean(0)) @ named["weight"]

    x, y = inputs_of(TABLE, 6)
    named = shared({"weight": np.full(5, start, np.float32)})
    model = TorchRowGradients(forward, named, TableBatches(x), y, YesNo())

    with pytest.raises(BadPrivacyTerms, match="without the other rows") as caught:
        model.require_apart(np.arange(6))

    assert "GroupNorm" in caught.value.remedy
