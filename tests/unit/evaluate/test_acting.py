"""Rates at the chosen threshold are those of plain counting."""

import numpy as np
import pytest

from modelward.evaluate.groups.acting import chosen
from modelward.evaluate.groups.subgroups import EVERYWHERE
from modelward.evaluate.predictions import Predictions

NORTH = Predictions.of(np.array([1, 1, 1, 0, 0]), np.array([0.9, 0.2, 0.3, 0.3, 0.1]))
SOUTH = Predictions.of(np.array([0, 0]), np.array([0.29, 0.7]))


def test_a_probability_at_the_threshold_is_a_yes_everywhere_and_at_each_site():
    found = chosen(0.3, "as signed", [("north", NORTH), ("south", SOUTH)])
    assert found is not None
    whole, north, south = found.acting

    assert (found.threshold, found.rule) == (0.3, "as signed")
    assert [one.site for one in found.acting] == [EVERYWHERE, "north", "south"]
    assert whole.sensitivity.value == pytest.approx(2 / 3)
    assert whole.specificity.value == 0.5
    assert north.sensitivity.value == pytest.approx(2 / 3)
    assert north.specificity.value == 0.5
    assert (south.sensitivity.value, south.sensitivity.note) == (None, "nobody has the outcome")
    assert south.specificity.value == 0.5


def test_where_none_was_chosen_nothing_is_said():
    assert chosen(None, "0.5", [("north", NORTH)]) is None
