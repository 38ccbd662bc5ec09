"""Faults name the key as the file spells it."""

from modelward.core.faults import Fault, lines, nearest


def test_faults_are_listed_under_the_file():
    assert lines("study.toml", [Fault("plan.rounds", "is missing")]) == (
        "study.toml: 1 fault\n    plan.rounds: is missing"
    )
    assert lines("f", [Fault("", "not TOML"), Fault("a", "b")]).startswith("f: 2 faults\n")


def test_the_nearest_word_is_offered_and_otherwise_all_of_them():
    assert nearest("ronds", ["rounds", "seed"]) == "did you mean 'rounds'?"
    assert nearest("zzz", ["seed", "rounds"]) == "valid here: rounds, seed"
