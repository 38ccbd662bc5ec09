"""Soups of one base, and of no other."""

import numpy as np
import pytest

from modelward.errors import BadArtifact
from modelward.exchange.methods.soup import Ingredient, greedy, uniform


def model(card: str, value: float, base: str | None = "aa" * 32) -> Ingredient:
    """A model of one parameter."""
    return Ingredient(card, base, {"w": np.array([value], np.float32)})


def test_a_soup_is_the_mean():
    assert uniform([model("a", 1), model("b", 4)])["w"].tolist() == [2.5]


@pytest.mark.parametrize("other", ["bb" * 32, None])
def test_models_of_different_bases_are_not_merged(other):
    with pytest.raises(BadArtifact, match="2 bases"):
        uniform([model("a", 1), model("b", 4, other)])


def test_models_without_a_base_are_not_merged_either():
    with pytest.raises(BadArtifact, match="none"):
        uniform([model("a", 1, None), model("b", 4, None)])


def test_a_greedy_soup_leaves_out_what_makes_it_worse():
    models = [model("a", 2), model("b", 4), model("c", 90)]

    found, cards = greedy(
        {"w": np.array([0.0])}, models, lambda t: -abs(float(t["w"][0]) - 3.0)
    )

    assert (found["w"].tolist(), cards) == ([3.0], ("a", "b"))


def test_a_soup_that_is_no_better_than_the_base_is_the_base():
    base = {"w": np.array([3.0], np.float32)}

    found, cards = greedy(base, [model("a", 9)], lambda t: -abs(float(t["w"][0]) - 3.0))

    assert (found is base, cards) == (True, ())
