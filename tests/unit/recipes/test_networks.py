"""Networks for every outcome: sizes, losses by hand, gradients of single examples."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch

from modelward.core.columns import Inputs
from modelward.core.sequences import Item
from modelward.core.study import RecipeChoice
from modelward.errors import DataError, StudyFileError
from modelward.learn.invented import invented
from modelward.recipes.catalogue import recipe
from modelward.recipes.gradients import objective
from modelward.recipes.layers.draws import draws
from modelward.recipes.recipe import Descent, Offset

SMALL: dict[str, Any] = {
    "blocks": (1, 1),
    "growth": 8,
    "stem": 8,
    "groups": 8,
    "entry": "small",
}
COURSE = Inputs(
    "sequence", (6, 3), items=(Item("level", 0.1, 9.0), Item("visit", -1.0, 1.0)), days=(0, 90)
)
LEVELS = replace(COURSE, outcome="levels", levels=3)
CASES: dict[str, tuple[str, dict[str, Any], Inputs]] = {
    "densenet": ("densenet", SMALL, Inputs("image", (8, 8))),
    "densenet, levels": (
        "densenet", SMALL, Inputs("image", (8, 8), outcome="levels", levels=3),
    ),
    "densenet in space": ("densenet", SMALL, Inputs("image", (4, 8, 8))),
    "densenet of slices": (
        "densenet", {**SMALL, "volume": "channels"}, Inputs("image", (3, 8, 8)),
    ),
    "unet": ("unet", {"channels": (8, 8)}, Inputs("image", (8, 8), outcome="mask")),
    "unet in space": (
        "unet", {"channels": (8, 8)}, Inputs("image", (2, 8, 8), outcome="mask"),
    ),
    "cnn, levels": (
        "cnn", {"channels": (8,)}, Inputs("image", (8, 8), outcome="levels", levels=3),
    ),
    "gru": ("gru", {"width": 3, "state": 5}, COURSE),
    "gru, levels": ("gru", {"width": 3, "state": 5}, LEVELS),
    "transformer": ("transformer", {"width": 4, "heads": 2, "inner": 6}, COURSE),
    "transformer, levels": ("transformer", {"width": 4, "heads": 2, "inner": 6}, LEVELS),
    "gru, times": (
        "gru", {"width": 3, "state": 5}, replace(COURSE, outcome="intervals", levels=3),
    ),
    "hazard": (
        "hazard", {"hidden": (5,)}, Inputs("table", (4,), outcome="intervals", levels=3),
    ),
    "mlp, levels": ("mlp", {"hidden": (5,)}, Inputs("table", (4,), outcome="levels", levels=3)),
}  # fmt: skip


def made(case: str) -> tuple[Any, Inputs, Any, Any]:
    """Return recipe, inputs, eight examples and their outcomes."""
    name, options, inputs = CASES[case]
    drawn = np.random.default_rng(7)
    x = invented(inputs, 8, drawn)
    if inputs.kind == "table":
        x = x.astype(np.float32)
    y = (np.arange(8) % max(inputs.levels, 2)).astype(np.int8)
    if inputs.outcome == "mask":
        y = (x > 128).astype(np.uint8)
    if inputs.outcome == "intervals":
        y = np.stack([np.arange(8) % 2, np.arange(8) % 3], 1).astype(np.float32)
    return recipe(RecipeChoice(name=name, options=options)), inputs, x, y


def test_the_defaults_are_densenet_121_without_its_classifier_of_a_thousand():
    # 7,978,856 in the paper's reference code; less 1,025,000 of the classifier and 2 * 3,136
    # of colours, plus 1,025 of one logit.
    size = recipe(RecipeChoice(name="densenet")).schema(Inputs("image", (224, 224))).size

    assert size == 7_978_856 - 1_025_000 - 2 * 3_136 + 1_025


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_gradients_of_single_examples_are_the_step_of_their_mean(case):
    network, inputs, x, y = made(case)
    start = network.initial(inputs, 0)
    rows, offset = np.array([0, 1, 5]), cast("Offset", 0.0)
    if inputs.outcome == "levels":
        offset = (0.3, -0.2, 0.1)
    found = np.empty((3, start.size), np.float32)

    network.row_gradients(start, x, y, inputs, offset).gradients(rows, draws("a"), found)
    moved = start.copy()
    weights = (1.0,) * max(inputs.levels, 2)
    model = network.local_model(moved, x, y, inputs, Descent(offset=offset, weights=weights))
    model.step(rows, 1.0, draws("a"))

    assert np.abs(found).max() > 1e-3
    assert np.abs((start - moved) - found.mean(0)).max() < 2e-5


@pytest.mark.parametrize("case", CASES)
def test_predictions_have_the_shape_of_the_outcome_and_do_not_depend_on_the_others(case):
    network, inputs, x, _ = made(case)
    start = network.initial(inputs, 0)

    found = network.probabilities(start, x, inputs)
    alone = network.probabilities(start, x[2:3], inputs)

    shape = {"levels": (8, 3), "intervals": (8, 3), "mask": x.shape, "yes-no": (8,)}[
        inputs.outcome
    ]
    assert found.shape == shape
    assert ((found >= 0) & (found <= 1)).all()
    if inputs.outcome == "levels":
        assert np.abs(found.sum(1) - 1).max() < 1e-9
    assert np.abs(alone[0] - found[2]).max() < 1e-5
    network.row_gradients(start, x, made(case)[3], inputs, 0.0).require_apart(np.arange(4))


def test_a_class_weight_counts_in_the_step():
    network, inputs, x, y = made("densenet, levels")
    start = network.initial(inputs, 0)
    rows = np.flatnonzero(y == 2)

    def step(weight: float) -> Any:
        moved = start.copy()
        how = Descent(weights=(1.0, 1.0, weight))
        network.local_model(moved, x, y, inputs, how).step(rows, 1.0, draws("a"))
        return start - moved

    assert np.abs(step(2.5) - 2.5 * step(1.0)).max() < 1e-5


def test_images_that_are_too_small_and_channels_that_do_not_divide_are_refused():
    with pytest.raises(DataError, match="used up"):
        recipe(RecipeChoice(name="densenet")).schema(Inputs("image", (16, 16)))
    with pytest.raises(DataError, match="not divisible by 8"):
        recipe(RecipeChoice(name="unet")).schema(Inputs("image", (28, 28)))
    with pytest.raises(StudyFileError, match="groups = 3 must divide"):
        recipe(RecipeChoice(name="unet", options={"groups": 3}))
    with pytest.raises(StudyFileError, match="groups = 32 must divide"):
        recipe(RecipeChoice(name="densenet", options={"stem": 40}))


def test_dice_of_a_mask_that_is_found_and_of_one_that_is_missed():
    target = torch.zeros(2, 4, 4)
    target[0, :2] = 1.0
    sure = (2 * target - 1) * 30.0

    right = objective.Mask().losses(sure, target)
    wrong = objective.Mask().losses(-sure, target)

    assert right.abs().max() < 1e-6  # the empty mask too
    # Sixteen pixels wrong by 30: 30; Dice (0 + 1) / (8 + 8 + 1) for the first.
    assert wrong[0] == pytest.approx(30.0 + 1 - 1 / 17, rel=1e-6)
    assert wrong[1] == pytest.approx(30.0 + 1 - 1 / 17, rel=1e-6)


def test_a_hazard_that_is_even_halves_who_is_left_in_every_interval():
    z = torch.zeros(3, 4)
    target = torch.tensor([[1.0, 2.0], [0.0, 2.0], [0.0, 4.0]])

    losses = objective.Intervals().losses(z, target)
    come = objective.Intervals().probabilities(z)[0]

    assert losses.tolist() == pytest.approx(np.log(2) * np.array([3, 2, 4]))
    assert come.tolist() == pytest.approx([0.5, 0.75, 0.875, 0.9375])
