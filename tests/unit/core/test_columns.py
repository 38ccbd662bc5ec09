"""Every site makes the same columns from the study alone."""

import numpy as np
import pytest

from modelward.core.canonical import canonical_bytes
from modelward.core.columns import Inputs, columns, inputs
from modelward.core.sequences import packed, unpacked
from modelward.simulation import data
from modelward.study.read import from_json, parse
from tests import sequences
from tests.studies import IMAGES, TABLE, table_study


def test_a_category_has_a_column_for_every_level_but_the_first():
    names = [column.name for column in columns(table_study())]

    assert names == ["age", "smoker", "ward=surgical", "ward=other"]


def test_columns_carry_the_range_that_the_study_allows():
    age, smoker, *_ = columns(table_study())

    assert (age.low, age.high, age.level) == (0.0, 110.0, None)
    assert (smoker.low, smoker.high, smoker.standardise) == (0.0, 1.0, True)


def test_a_column_is_left_as_it_is_where_the_study_says_so():
    study = table_study(TABLE, ("range = [0, 110]", 'range = [0, 110]\nscale = "none"'))

    assert [column.standardise for column in columns(study)] == [False, True, True, True]


def test_the_order_follows_from_the_study_not_from_how_its_file_is_written():
    written = parse((data.STUDIES / "heart-disease.toml").read_text())
    travelled = from_json(canonical_bytes(written.model_dump(mode="json")))
    assert list(travelled.features) != list(written.features)

    assert travelled.sha256 == written.sha256
    assert columns(travelled) == columns(written)
    assert [column.name for column in columns(written)][:3] == ["age", "chol", "cp=2"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TABLE, Inputs("table", (4,))),
        (IMAGES, Inputs("image", (12, 12), (0.0, 255.0))),
    ],
    ids=["table", "images"],
)
def test_inputs_say_what_one_example_looks_like(text, expected):
    assert inputs(table_study(text)) == expected


def test_images_have_no_columns():
    assert columns(table_study(IMAGES)) == ()


def test_items_of_a_sequence_are_numbered_by_name_with_range_and_days():
    found = inputs(sequences.study())

    assert (found.kind, found.shape, found.days) == ("sequence", (sequences.STEPS, 3), (0, 400))
    assert [item.name for item in found.items] == ["creatinine", "diabetes", "glucose", "visit"]
    assert [(i.low, i.high) for i in found.items] == [(0.1, 20), (-1, 1), (1, 60), (-1, 1)]
    assert columns(sequences.study()) == ()


def test_values_of_a_sequence_are_scaled_by_the_range_of_their_item():
    found = inputs(sequences.study())
    seen = unpacked(packed(np.array([[3, 1, 2, 0]]), np.zeros((1, 4)),
                           np.array([[60.0, 0.1, 0.0, 0.0]])))  # fmt: skip

    assert seen.scaled(found.items).tolist() == [[1.0, -1.0, 0.0, 0.0]]
