"""Faults name the key as the file spells it."""

import json

import pytest
from pydantic import ValidationError

from modelward.core.faults import Fault, from_validation, lines, nearest
from modelward.core.study import Study


def test_faults_are_listed_under_the_file():
    assert lines("study.toml", [Fault("plan.rounds", "is missing")]) == (
        "study.toml: 1 fault\n    plan.rounds: is missing"
    )
    assert lines("f", [Fault("", "not TOML"), Fault("a", "b")]).startswith("f: 2 faults\n")


def test_the_nearest_word_is_offered_and_otherwise_all_of_them():
    assert nearest("ronds", ["rounds", "seed"]) == "did you mean 'rounds'?"
    assert nearest("zzz", ["seed", "rounds"]) == "valid here: rounds, seed"


def test_capitals_do_not_hide_the_word_that_was_meant():
    there = ["SBP", "Smoking status", "age", "Age"]
    assert nearest("sbp", there) == "did you mean 'SBP'?"
    assert nearest("smoking", there) == "did you mean 'Smoking status'?"
    assert nearest("ages", there) == "did you mean 'age'?", "as written comes first"


def test_a_type_that_does_not_exist_is_told_with_the_nearest_one():
    table = {"features": {"a": {"type": "bolean"}, "b": {}}}
    with pytest.raises(ValidationError) as caught:
        Study.model_validate_json(json.dumps(table), strict=True)

    found = {fault.key: fault.says for fault in from_validation(caught.value, Study)}
    assert found["features.a.type"] == "there is no type 'bolean'; did you mean 'boolean'?"
    assert found["features.b.type"] == (
        "is missing; valid here: boolean, category, image, number, sequence"
    )
