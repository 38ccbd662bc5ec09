"""`cnn` with `pool = "votes"`: what a place counts, and how far a patch can move a logit."""

from typing import Any

import numpy as np
import pytest
import torch

from modelward.core.columns import Inputs
from modelward.core.study import RecipeChoice
from modelward.errors import StudyFileError
from modelward.recipes.catalogue import recipe
from modelward.recipes.gradients.torch_cpu import shared
from modelward.recipes.networks.cnn_torch import ImageBatches, counted, forward

IMAGE = Inputs("image", (20, 17))
CASES = {
    "one convolution": {"channels": (5,)},
    "not padded": {"channels": (5,), "padding": "valid"},
    "two, the ends left out": {"channels": (4, 6), "trim": 0.2},
    "two, not padded": {"channels": (4, 6), "padding": "valid", "trim": 0.1},
}


def made(**options: Any) -> Any:
    """Return the recipe."""
    all_of_them = {"norm": "none", "pool": "votes", **options}
    return recipe(RecipeChoice(name="cnn", options=all_of_them))


def logits(chosen: Any, flat: Any, x: Any) -> Any:
    """Return the logits of images."""
    named = shared(chosen.schema(IMAGE).split(flat))
    taken = ImageBatches(x, (0.0, 255.0)).take(np.arange(len(x)), None)
    with torch.inference_mode():
        return forward(chosen)(named, taken).numpy()


def test_no_place_counts_more_than_a_vote():
    said = torch.tensor([[[1e6, -1e6, 1e6, 0.0]]])

    assert counted(said, 0.25, 0.0).item() == pytest.approx(0.25)


def test_the_ends_are_left_out_and_the_rest_counts_for_all():
    said = torch.tensor([[[9.0, 1.0, 2.0, -9.0]]])

    found = counted(said, 1e4, 0.25).item()

    assert found == pytest.approx((1.0 + 2.0) / 2 * 4, rel=1e-5)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("patch", [1, 4])
def test_a_patch_moves_a_logit_no_further_than_is_said(case, patch):
    chosen, drawn = made(vote=0.1, **case), np.random.default_rng(patch)
    flat = chosen.initial(IMAGE, 1) * np.float32(40.0)  # so that votes are full
    bound = chosen.moved_at_most(IMAGE, patch)
    x = drawn.integers(0, 256, (300, *IMAGE.shape), np.uint8)
    changed = x.copy()
    for n, (top, left) in enumerate(drawn.integers(0, (20 - patch, 17 - patch), (300, 2))):
        level = drawn.choice([0, 255], (patch, patch))
        changed[n, top : top + patch, left : left + patch] = level

    moved = np.abs(logits(chosen, flat, changed) - logits(chosen, flat, x))

    assert moved.max() <= bound * (1 + 1e-4)
    assert moved.max() > bound / 20


def test_the_bound_is_reached_where_a_patch_turns_every_vote_that_sees_it():
    chosen = made(channels=(1,), vote=0.1)
    flat = np.zeros(chosen.schema(IMAGE).size, np.float32)
    named = chosen.schema(IMAGE).split(flat)
    named["conv1.weight"][...] = 1.0
    named["conv1.bias"][...] = 9.0  # black sums to -9 within, so that a lit pixel gives 2
    named["logit.weight"][...] = 1e4
    named["logit.bias"][...] = -1e4 * 20 * 17
    black = np.zeros((1, *IMAGE.shape), np.uint8)
    lit = black.copy()
    lit[0, 8:12, 8:12] = 255

    moved = logits(chosen, flat, lit) - logits(chosen, flat, black)

    assert chosen.moved_at_most(IMAGE, 4) == pytest.approx(2 * 0.1 * 6 * 6)
    assert moved.item() == pytest.approx(2 * 0.1 * 6 * 6, rel=1e-4)


@pytest.mark.parametrize("other", [{"norm": "group", "groups": 1}, {"hidden": (4,)}])
def test_what_would_carry_a_patch_elsewhere_is_refused(other):
    with pytest.raises(StudyFileError, match="what one"):
        made(channels=(4,), **other)
