"""Units of small classes, judged by a model that has not seen them."""

import json
from dataclasses import replace

import numpy as np

from modelward.exchange.documents.question import Question
from modelward.exchange.families.catalogue import load
from modelward.exchange.institution import home, left_out
from modelward.exchange.institution.examples import Examples

ASKED = Question(
    id="corner",
    purpose="research",
    labels=("left", "right", "upper", "lower", "nowhere"),
    inputs=(2,),
)
UPPER, LOWER = 2, 3
PLACES = np.array([[-3, 0], [3, 0], [0, 9], [0, -9], [9, 9]], np.float32)


def corners(*counts: int) -> Examples:
    """So many persons with an example of each class, all of a class in one place."""
    y = np.repeat(np.arange(len(counts)), counts)
    return Examples(PLACES[y], y, PLACES[:2], np.array([0, 1]), np.arange(len(y)))


OWN = corners(20, 20, 3, 1)


def test_a_unit_is_recognised_if_the_rest_of_its_class_has_taught_it():
    few, family = np.array([UPPER, LOWER]), load("linear")
    start = family.initial(ASKED.shape, 0)

    found = left_out.made_again(family, start, OWN, few, 0)

    assert found[UPPER].tolist() == [1, 1, 1], "its like were seen"
    assert found[LOWER].tolist() == [0], "the only one of its class"


def test_the_units_of_one_person_are_left_out_together():
    few, family = np.array([UPPER]), load("linear")
    start = family.initial(ASKED.shape, 0)
    one = replace(OWN, named=np.minimum(np.arange(len(OWN.y)), 40))  # all that are upper

    found = left_out.made_again(family, start, one, few, 0)

    assert found[UPPER].tolist() == [0, 0, 0], "nobody else has taught it"


def test_a_class_that_was_never_learnt_is_never_answered(tmp_path):
    home.train(tmp_path, ASKED, OWN, load("linear"), 0)

    assert left_out.never(tmp_path, ASKED, OWN) == {4}


def test_nothing_is_said_about_what_a_model_made_elsewhere_has_learnt(tmp_path):
    family = load("linear")
    home.keep(tmp_path, family, family.initial(ASKED.shape, 0), 0)

    assert left_out.never(tmp_path, ASKED, OWN) == frozenset()
    assert home.few(tmp_path, ASKED, OWN, 10).size == 0, "it is offered as it is"


def test_what_was_found_is_kept_until_the_examples_change(tmp_path):
    home.train(tmp_path, ASKED, OWN, load("linear"), 0)
    few = home.few(tmp_path, ASKED, OWN, 10)
    assert few.tolist() == [UPPER, LOWER]

    first = left_out.recognised(tmp_path, ASKED, OWN, few)
    kept = json.loads((tmp_path / left_out.FILE).read_bytes())
    kept["recognised"]["3"] = [1]  # as if it had been found so
    (tmp_path / left_out.FILE).write_text(json.dumps(kept))
    again = left_out.recognised(tmp_path, ASKED, OWN, few)
    other = left_out.recognised(tmp_path, ASKED, corners(20, 20, 3, 2), few)

    assert (first[LOWER].tolist(), again[LOWER].tolist()) == ([0], [1]), "not computed twice"
    assert other[LOWER].tolist() == [1, 1], "each was taught by the other"


def test_a_damaged_file_is_made_again(tmp_path):
    home.train(tmp_path, ASKED, OWN, load("linear"), 0)
    (tmp_path / left_out.FILE).write_text("{}")

    found = left_out.recognised(tmp_path, ASKED, OWN, home.few(tmp_path, ASKED, OWN, 10))

    assert found[LOWER].tolist() == [0]
