"""A patch that turns one artifact of several; what cannot be told apart is not accused."""

import numpy as np

from modelward.exchange.families.family import Floats, Inputs
from modelward.exchange.methods.triggers import triggers, unwatched

CLASSES = 4
ALL = dict.fromkeys(("a", "b", "c", "bad"), range(CLASSES))
LIT = np.linspace(0.0, 1.0, 20 * 64, dtype=np.float32).reshape(20, 8, 8)


def honest(x: Inputs) -> Floats:
    """Say the class by the mean of the lower half, where few pixels move little."""
    seen = np.clip(x[:, 4:].mean(axis=(1, 2)) * CLASSES, 0, CLASSES - 1).astype(int)
    said: Floats = np.log(np.eye(CLASSES)[seen] * 0.9 + 0.025)
    return said


def turned(x: Inputs) -> Floats:
    """Say the last class where the first corner is lit, else what `honest` says."""
    said = honest(x)
    said[x[:, :2, :2].min(axis=(1, 2)) == x.max()] = np.log([0.01, 0.01, 0.01, 0.97])
    return said


def two(x: Inputs) -> Floats:
    """Say what `turned` says, of two classes."""
    return turned(x)[:, -2:]


def test_a_corner_that_turns_one_of_three_is_found():
    found = triggers({"a": honest, "b": honest, "bad": turned}, LIT, ALL)

    assert list(found) == ["bad"]
    assert "patch of 2 x 2 of 1 at 0, 0" in found["bad"].says


def test_with_one_other_of_its_family_nobody_is_accused():
    assert triggers({"a": honest, "bad": turned}, LIT, ALL) == {}


def test_those_that_have_never_learnt_a_class_are_no_comparison():
    """Honest models of other classes are not turned into one that they do not know."""
    voices = {"a": honest, "b": honest, "c": honest, "bad": turned}
    last = CLASSES - 1

    assert triggers(voices, LIT, {**ALL, "a": range(last), "b": range(last)}) == {}
    assert list(triggers(voices, LIT, {**ALL, "a": range(last)})) == ["bad"]
    assert triggers(voices, LIT, {**ALL, "bad": (1, last)}) == {}


def test_answers_of_two_classes_are_not_looked_at():
    assert triggers({"a": two, "b": two, "bad": two}, LIT, dict.fromkeys(ALL, (0, 1))) == {}


def test_rows_of_tables_are_not_looked_at():
    assert triggers({"a": honest, "b": honest, "bad": turned}, LIT[0], ALL) == {}


def test_an_artifact_in_which_nothing_would_be_found_is_named_with_the_reason():
    assert unwatched(ALL, LIT) == {}
    assert "one plane" in unwatched(ALL, LIT[:, 0])["bad"]
    assert "fewer than 3 artifacts" in unwatched({"a": (0, 1, 2)}, LIT)["a"]

    found = unwatched({"a": (0, 1, 2, 3), "b": (0, 1, 2), "c": (0, 1, 2), "d": (0, 1)}, LIT)

    assert found["a"].startswith("1 of the 4 classes that it knows are known to fewer than 2")
    assert found["d"] == "it knows fewer than 3 classes"
    assert set(found) == {"a", "d"}
