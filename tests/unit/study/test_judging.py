"""Groups are read off columns that every site has, and terms that cannot hold are refused."""

import numpy as np
import pytest

from modelward.errors import StudyFileError
from modelward.study.explain import explain
from modelward.study.judging import NOBODY, groupings, members
from modelward.study.read import parse
from tests.studies import AVERAGED, TABLE

GROUPS = '\n[evaluation]\ngroups = ["smoker", "ward", "age:[18,40,65,110]"]\n'
STUDY = parse(TABLE + GROUPS)

# Columns by feature name: age, smoker, ward=surgical, ward=other.
X = np.array(
    [
        [20, 0, 0, 0],
        [40, 1, 1, 0],
        [64, 1, 0, 1],
        [110, 0, 0, 0],
        [np.nan, np.nan, np.nan, np.nan],
        [10, 1, 0, 0],
    ],
    float,
)


def levels(name: str) -> list[int]:
    grouping = next(each for each in groupings(STUDY) if each.name == name)
    return [int(level) for level in members(STUDY, grouping, X)]


def test_a_study_without_the_table_keeps_its_hash():
    assert parse(TABLE).evaluation is None
    assert "evaluation" not in parse(TABLE).model_dump(mode="json")
    assert parse(TABLE).sha256 != STUDY.sha256


def test_booleans_and_categories_have_their_levels():
    by_name = {each.name: each.levels for each in groupings(STUDY)}

    assert by_name["smoker"] == ("no", "yes")
    assert by_name["ward"] == ("medical", "surgical", "other")
    assert levels("smoker") == [0, 1, 1, 0, NOBODY, 1]
    assert levels("ward") == [0, 1, 2, 0, NOBODY, 0]


def test_numbers_fall_into_bands_with_their_lower_edge():
    bands = next(each for each in groupings(STUDY) if each.name == "age")

    assert bands.levels == ("18 to under 40", "40 to under 65", "65 to under 110")
    assert bands.label(1) == "age = 40 to under 65"
    assert levels("age") == [0, 1, 1, NOBODY, NOBODY, NOBODY]


def test_no_groups_are_no_groups():
    assert groupings(parse(TABLE)) == ()
    assert groupings(parse(TABLE + "\n[evaluation]\nmargin = 0.05\n")) == ()


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        ('groups = ["height"]', "'height': there is no such feature"),
        ('groups = ["age"]', "a number needs bands"),
        ('groups = ["age:[40,18,65]"]', "three or more rising edges"),
        ('groups = ["age:[18,65]"]', "three or more rising edges"),
        ('groups = ["age:[18,true,65]"]', "three or more rising edges"),
        ('groups = ["age:[18,"]', "there is no such feature"),
        ('groups = ["smoker:[0,1,2]"]', "bands are for numbers"),
        ('groups = ["smoker", "smoker"]', "named twice"),
        ("groups = []", "needs 1 or more"),
        ("margin = 0.0", "greater than 0"),
        ('threshold = "sensitivity"', "they need it"),
        ('threshold = "youden"\nat_least = 0.9', "goes with threshold"),
        ("at_least = 0.9", "goes with threshold"),
        ('threshold = "youden"', r"\[stop\] metric asks for"),
        ('limit = "youden"', "limit"),
    ],
)
def test_terms_that_cannot_hold_are_refused_by_name(terms, says):
    with pytest.raises(StudyFileError, match=says):
        parse(f"{TABLE}\n[evaluation]\n{terms}\n")


def test_a_threshold_goes_with_watched_validation():
    study = parse(f'{AVERAGED}\n[evaluation]\nthreshold = "sensitivity"\nat_least = 0.9\n')

    assert study.evaluation is not None
    assert study.evaluation.at_least == 0.9


def test_whoever_approves_reads_by_what_it_is_judged():
    study = parse(
        AVERAGED
        + '\n[evaluation]\ngroups = ["ward"]\nmargin = 0.05\n'
        + 'threshold = "sensitivity"\nat_least = 0.9\n'
    )
    said = explain(study)

    assert "Judged apart, by group: ward." in said
    assert "a loss of up to 0.05 against its local model" in said
    assert "by the rule sensitivity of at least 0.9" in said
    assert "Judged" not in explain(parse(AVERAGED))
