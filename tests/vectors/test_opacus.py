"""Gradients of single examples, held to those that Opacus computes, on four models.

The files were written by bench/peers/opacus_gradients.py in an environment with Opacus 1.6
and without us. Both of our paths are held to them: vmap(grad), and layer by layer.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from modelward.core.columns import Inputs
from modelward.core.study import RecipeChoice
from modelward.recipes.catalogue import recipe
from modelward.recipes.gradients.objective import YesNo
from modelward.recipes.gradients.row_gradients import TorchRowGradients
from modelward.recipes.gradients.torch_cpu import TableBatches, shared
from modelward.recipes.layers.draws import draws
from modelward.recipes.networks import cnn_torch, mlp_torch
from modelward.recipes.recipe import RowGradients

FOLDER = Path(__file__).parent / "opacus"
CLOSE = 1e-5

Options = dict[str, bool | int | float | str | tuple[int, ...]]

CNN: Options = {"channels": (4, 6)}
FLAT: Options = {"hidden": (5,), "norm": "none", "padding": "valid", "pool": "flatten"}
GROUPS: Options = {"groups": 2}
CASES = {
    "mlp": (RecipeChoice(name="mlp", options={"hidden": (80, 60)}), Inputs("table", (7,))),
    "plain_cnn": (RecipeChoice(name="cnn", options=CNN | FLAT), Inputs("image", (16, 16))),
    "normed_cnn": (RecipeChoice(name="cnn", options=CNN | GROUPS), Inputs("image", (16, 16))),
}

Array = NDArray[Any]


def ours(name: str, values: Array) -> Array:
    """Return values of a torch parameter, [..., *shape], in our order of axes, flat."""
    if name.startswith("conv") and name.endswith("weight"):
        values = np.moveaxis(values, -3, -1)  # the input channel last
    if values.shape[-2:] == (5, 24):  # so is what is flattened
        values = np.swapaxes(values.reshape(*values.shape[:-1], 6, 4), -1, -2)
    return values


def read(name: str, tensors: list[str]) -> tuple[Array, Array, Array, Array]:
    """Return x, y, the flat parameters and everybody's flat gradient, [rows, size]."""
    with np.load(FOLDER / f"{name}.npz") as file:
        theirs = [
            each.replace(".gain", ".weight") if each.startswith("norm") else each
            for each in tensors
        ]
        flat = [ours(each, file[f"value {each}"]).reshape(-1) for each in theirs]
        rows = len(file["y"])
        found = [ours(each, file[f"gradient {each}"]).reshape(rows, -1) for each in theirs]
        return file["x"], file["y"], np.concatenate(flat), np.concatenate(found, axis=1)


def gradients(model: RowGradients, like: Array) -> Array:
    """Return what `model` says of every row."""
    out = np.full(like.shape, np.nan, np.float32)
    model.gradients(np.arange(len(like)), draws("unused"), out)
    return out


@pytest.mark.parametrize("name", CASES)
def test_both_paths_give_the_gradients_of_opacus(name):
    choice, inputs = CASES[name]
    made: Any = recipe(choice)
    schema = made.schema(inputs)
    x, y, flat, expected = read(name, [spec.name for spec in schema])
    forward = mlp_torch.forward(made.layers) if name == "mlp" else cnn_torch.forward(made)
    batches = TableBatches(x) if name == "mlp" else cnn_torch.ImageBatches(x, (0, 255))

    by_layer = made.row_gradients(flat, x, y, inputs, 0.0)
    generic = TorchRowGradients(forward, shared(schema.split(flat)), batches, y, YesNo())

    assert np.abs(expected).max() > 0.1
    assert np.abs(gradients(by_layer, expected) - expected).max() < CLOSE
    assert np.abs(gradients(generic, expected) - expected).max() < CLOSE


def test_an_embedding_has_the_gradients_of_opacus():
    names = ["codes.weight", "hidden1.weight", "hidden1.bias", "logit.weight", "logit.bias"]
    x, y, flat, expected = read("codes", names)
    shapes = [(20, 6), (5, 6), (5,), (1, 5), (1,)]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    parts = zip(names, np.split(flat, ends), shapes, strict=True)
    named = {name: part.reshape(shape) for name, part, shape in parts}

    def forward(of: Mapping[str, Tensor], codes: Tensor) -> Tensor:
        mean = functional.embedding(codes.long(), of["codes.weight"]).mean(1)
        hidden = functional.relu(mean @ of["hidden1.weight"].T + of["hidden1.bias"])
        return (hidden @ of["logit.weight"].T + of["logit.bias"])[:, 0]

    model = TorchRowGradients(forward, shared(named), TableBatches(x), y, YesNo())

    assert np.abs(gradients(model, expected) - expected).max() < CLOSE
