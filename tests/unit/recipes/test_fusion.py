"""Image and row in one network: against plain loops, and what an absent modality does."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from modelward.core.columns import Inputs
from modelward.core.modalities import packed, unpacked
from modelward.core.study import RecipeChoice
from modelward.errors import DataError
from modelward.recipes.catalogue import recipe
from modelward.recipes.layers.draws import draws
from modelward.recipes.recipe import Descent

INPUTS = Inputs("image-and-table", (4, 6), intensity=(0.0, 200.0), columns=2)
OPTIONS: dict[str, Any] = {"channels": (2,), "groups": 1, "hidden": (3,), "width": 4}


def made() -> tuple[Any, Any, dict[str, Any]]:
    """Return the recipe, parameters with nothing at 0, and the same by name."""
    network = recipe(RecipeChoice(name="fusion", options=OPTIONS))
    schema = network.schema(INPUTS)
    flat = np.random.default_rng(3).normal(0, 0.6, schema.size).astype(np.float32)
    return network, flat, {n: v.astype(np.float64) for n, v in schema.split(flat).items()}


def units() -> Any:
    """Return both, a picture alone, a row alone and nothing, as they come scaled."""
    draw = np.random.default_rng(5)
    rows = draw.normal(size=(4, 2))
    images = draw.integers(0, 256, (4, 4, 6)).astype(np.uint8)
    x = packed(rows, images, np.array([True, True, False, False]))
    x[[1, 3], 2] = 0.0
    return x


def picture(named: dict[str, Any], pixels: Any) -> Any:
    """Return what the image says, by loops."""
    scaled = np.pad(pixels / 100.0 - 1, 1)
    found = np.zeros((2, 4, 6))
    for out, row, column in np.ndindex(2, 4, 6):
        window = scaled[row : row + 3, column : column + 3]
        found[out, row, column] = (named["image1.weight"][out, :, :, 0] * window).sum()
    found = (found - found.mean()) / np.sqrt(found.var() + 1e-5)
    gain, bias = named["norm1.gain"], named["norm1.bias"]
    found = np.maximum(found * gain[:, None, None] + bias[:, None, None], 0)
    seen = found.reshape(2, 2, 2, 3, 2).mean((2, 4)).mean((1, 2))
    return np.maximum(named["image.weight"] @ seen + named["image.bias"], 0)


def by_hand(named: dict[str, Any], x: Any) -> float:
    both = unpacked(x[None], 2, (4, 6))
    image = picture(named, both.pixels[0]) if both.image[0] else named["without.image.bias"]
    row = named["without.row.bias"]
    if both.row[0]:
        inner = np.maximum(named["row1.weight"] @ both.columns[0] + named["row1.bias"], 0)
        row = np.maximum(named["row.weight"] @ inner + named["row.bias"], 0)
    joined = np.concatenate([image, row])
    fused = np.maximum(named["fused.weight"] @ joined + named["fused.bias"], 0)
    return float(1 / (1 + np.exp(-(named["logit.weight"] @ fused + named["logit.bias"])[0])))


def test_a_network_gives_what_plain_loops_give_whatever_is_absent():
    network, flat, named = made()

    found = network.probabilities(flat, units(), INPUTS)

    assert found == pytest.approx([by_hand(named, x) for x in units()], abs=2e-6)


def test_a_site_without_a_modality_moves_none_of_its_branch_and_all_of_the_rest():
    network, flat, _ = made()
    x, moved = units()[[2, 2]], flat.copy()
    model = network.local_model(moved, x, np.array([0, 1], np.int8), INPUTS, Descent())

    model.step(np.array([0]), 0.1, draws("a"))

    gone = network.schema(INPUTS).split(flat - moved)
    still = {name for name, values in gone.items() if not values.any()}
    assert {n for n in gone if n.startswith(("image", "norm"))} <= still
    assert {"without.image.bias", "row.weight", "fused.weight", "logit.weight"}.isdisjoint(
        still
    )
    assert "without.row.bias" in still


@pytest.mark.slow
def test_gradients_of_single_patients_are_the_step_of_their_mean():
    network, flat, _ = made()
    x, y, rows = units(), np.array([0, 1, 1, 0], np.int8), np.array([0, 1, 2, 3])
    found, moved = np.empty((4, flat.size), np.float32), flat.copy()

    gradients = network.row_gradients(flat, x, y, INPUTS, 0.0)
    gradients.require_apart(rows)
    gradients.gradients(rows, draws("a"), found)
    network.local_model(moved, x, y, INPUTS, Descent()).step(rows, 1.0, draws("a"))

    assert np.abs((flat - moved) - found.mean(0)).max() < 2e-5


def test_images_alone_are_refused_and_images_that_are_used_up():
    with pytest.raises(DataError, match="of kind image, 4 x 6"):
        made()[0].schema(Inputs("image", (4, 6)))
    with pytest.raises(DataError, match="image-and-table, 1 x 6"):
        made()[0].schema(replace(INPUTS, shape=(1, 6)))
