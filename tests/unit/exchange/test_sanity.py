"""Quarantine, by hand: no numbers, one answer, exchanged classes, another's artifact."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from modelward.exchange.families.family import Floats
from modelward.exchange.methods import sanity
from modelward.exchange.methods.probability import log_softmax

NOW = datetime(2026, 11, 26, tzinfo=UTC)
Y = np.tile(np.arange(4), 10)
RIGHT = log_softmax(np.eye(4)[Y] * 5)
ALL = (0, 1, 2, 3)


def rules(log_p: Floats, claimed: tuple[int, ...] = ALL) -> list[str]:
    """Return the rules that speak against answers."""
    return [each.rule for each in sanity.answers(log_p, Y, claimed)]


def test_an_honest_model_passes():
    assert rules(RIGHT) == []
    assert sanity.values({"w": np.ones(2, np.float32), "n": np.ones(2, np.int64)}) == ()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_found_in_the_values(value):
    found = sanity.values({"w": np.ones(2), "out.bias": np.array([0, value], np.float32)})

    assert [each.rule for each in found] == ["not-finite"]
    assert "out.bias" in found[0].says


def test_what_is_no_number_is_found_in_the_answers():
    assert rules(np.where(Y[:, None] == 1, np.nan, RIGHT)) == ["not-finite"]


def test_one_answer_to_everything_is_found():
    assert rules(np.tile(RIGHT[:1], (40, 1))) == ["constant"]


def test_exchanged_classes_are_found_among_those_that_are_claimed():
    assert rules(np.roll(RIGHT, 1, axis=1)) == ["flipped"]
    assert rules(np.roll(RIGHT, 1, axis=1), (0,)) == [], "one class cannot be exchanged"


def test_guessing_is_no_flip():
    draw = np.random.default_rng(0)
    assert rules(log_softmax(draw.standard_normal((40, 4)))) == []


def sample(site: str, later: int, likely: Floats, *named: str) -> sanity.Sample:
    """What an artifact of a site says."""
    return sanity.Sample(site, NOW + timedelta(days=later), frozenset(named), site, likely)


def test_the_later_of_two_that_answer_alike_is_the_copy_unless_it_names_the_first():
    first, other = np.exp(RIGHT), np.exp(np.roll(RIGHT, 1, axis=0))
    north, west = sample("north", 0, first), sample("west", 0, other)

    found = sanity.copies({"a": north, "b": sample("south", 1, first), "c": west})

    assert list(found) == ["b"]
    assert "of north" in found["b"].says
    assert sanity.copies({"a": north, "b": sample("south", 1, first, "a")}) == {}
