"""Nobody is followed alone; answers worked out by hand."""

import numpy as np
import pytest

from modelward.exchange.families.family import Floats
from modelward.exchange.listening.backing import backed

ALL = np.ones((3, 2), bool)


def said(*rows: tuple[float, ...]) -> list[Floats]:
    """What each artifact says of one unit."""
    return [np.log(np.array([row])) for row in rows]


def heard(rows: list[Floats], knows: np.ndarray, makers: str) -> list[list[float]]:
    """What is left of it, [artifacts][classes]."""
    found, _ = backed([np.exp(each) for each in rows], rows, knows, list(makers))
    return [np.exp(each)[0].round(6).tolist() for each in found]


def test_the_surest_of_three_is_cut_to_the_second():
    # Class 0: 0.9, 0.6, 0.3 are cut to 0.6; class 1: 0.1, 0.4, 0.7 to 0.4. The first keeps
    # 0.6 and 0.1, and 0.3 is doubt.
    found = heard(said((0.9, 0.1), (0.6, 0.4), (0.3, 0.7)), ALL, "abc")

    assert found == [[0.75, 0.25], [0.6, 0.4], [0.45, 0.55]]


def test_who_does_not_know_a_class_stands_behind_nobody():
    knows = np.array([[True, True], [True, True], [False, True]])

    # Class 0 has two knowers, 0.9 and 0.2: the third's 0.8 supports nothing, and is cut itself.
    found = heard(said((0.9, 0.1), (0.2, 0.8), (0.8, 0.2)), knows, "abc")

    assert found[0] == [0.55, 0.45]
    assert found[2] == [0.5, 0.5]


def test_one_that_alone_knows_a_class_is_heard_and_nobody_is_surer():
    knows = np.array([[True, True], [False, True], [False, True]])

    found = heard(said((0.9, 0.1), (0.2, 0.8), (0.95, 0.05)), knows, "abc")

    assert found[0] == [0.9, 0.1]
    assert found[2] == [0.925, 0.075]


def test_a_class_that_nobody_knows_is_left_as_it_is():
    found = heard(said((0.9, 0.1), (0.2, 0.8)), np.zeros((2, 2), bool), "ab")

    assert found == [[0.9, 0.1], [0.2, 0.8]]


def test_two_artifacts_of_one_institution_are_one_voice():
    rows = said((0.9, 0.1), (0.9, 0.1), (0.3, 0.7))

    assert heard(rows, ALL, "aab")[0] == [0.6, 0.4]
    assert heard(rows, ALL, "abc")[0] == [0.9, 0.1], "two institutions are two"


def test_others_stand_behind_a_class_by_their_plain_words():
    known = [np.array([[0.6, 0.2]]), np.array([[0.5, 0.3]])]
    plain = said((0.9, 0.1), (0.8, 0.2))

    # 0.6 and 0.2 with 0.1 of doubt each are 0.7 and 0.3, cut to 0.7 and 0.1: 0.1 more each.
    found, kept = backed(known, plain, ALL[:2], ["a", "b"])

    assert np.exp(found[0])[0] == pytest.approx([0.8, 0.2], abs=1e-6)
    assert kept[0][0] == pytest.approx([0.6, 0.2], abs=1e-6)


def test_what_is_cut_is_doubt():
    plain = said((0.9, 0.1), (0.6, 0.4))

    found, kept = backed([np.exp(each) for each in plain], plain, ALL[:2], ["a", "b"])

    # The first: 0.6 and 0.1 are left of it, 0.3 is doubt.
    assert np.exp(found[0])[0] == pytest.approx([0.75, 0.25], abs=1e-6)
    assert kept[0][0] == pytest.approx([0.75, 0.1], abs=1e-6)


def test_the_order_of_artifacts_never_changes_what_is_heard():
    rows = said((0.9, 0.1), (0.6, 0.4), (0.3, 0.7))

    assert heard(rows[::-1], ALL, "cba")[::-1] == heard(rows, ALL, "abc")
