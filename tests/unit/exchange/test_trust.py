"""The trust score and gate, by hand."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from modelward.exchange.methods import trust
from modelward.exchange.methods.trust import Report

NOW = datetime(2026, 11, 20, tzinfo=UTC)
MAKERS = {"a": "north", "b": "south", "c": "west"}


def says(reporter: str, card: str, recall: float, days: int = 1) -> Report:
    """A report in which both classes have the same recall."""
    return Report(reporter, card, np.array([recall, recall]), NOW - timedelta(days=days))


def test_guessing_scores_zero_perfection_one_and_an_unseen_class_nothing():
    assert trust.skill(np.array([0.5, 0.5])) == 0
    assert trust.skill(np.array([1.0, 1.0])) == 1
    assert trust.skill(np.array([1.0, np.nan, np.nan])) == pytest.approx(1)
    assert trust.skill(np.array([np.nan, np.nan])) is None


def test_a_lying_minority_does_not_move_the_median():
    reports = [says(r, c, 0.9) for r in ("north", "south", "east") for c in MAKERS]
    reports += [says("liar", c, 0.0) for c in MAKERS]

    found = trust.standings(MAKERS, reports, NOW)

    assert all(each.used for each in found.values())
    assert found["a"].score == pytest.approx(0.8)


def test_half_the_median_is_the_bar_and_the_reason_says_so():
    reports = [says("x", "a", 0.9), says("x", "b", 0.9), says("x", "c", 0.7)]

    found = trust.standings(MAKERS, reports, NOW)

    # scores 0.8, 0.8, 0.4: half the median is 0.4, and 0.4 is not above it.
    assert [found[card].used for card in MAKERS] == [True, True, False]
    assert found["c"].reason == "score 0.40 is not above 0.40, half the network's median"


def test_the_makers_own_report_and_faded_ones_do_not_count():
    reports = [says("north", "a", 1.0), says("south", "a", 0.6), says("west", "a", 1.0, 181)]

    found = trust.standings({"a": "north"}, reports, NOW)["a"]

    assert found.score == pytest.approx(0.2)
    assert found.reporters == 1


def test_the_last_report_of_an_institution_is_the_one_that_counts():
    reports = [says("south", "a", 0.6, days=9), says("south", "a", 0.9, days=2)]

    assert trust.standings({"a": "north"}, reports, NOW)["a"].score == pytest.approx(0.8)


def test_an_artifact_that_nobody_reported_on_is_not_used_and_a_person_may_say_otherwise():
    silent = trust.standings({"a": "north"}, [], NOW)["a"]
    decided = trust.standings({"a": "north"}, [], NOW, {"a": (True, "Dr Byron: I tested it")})

    assert not silent.used
    assert decided["a"].used
    assert "a person's decision" in decided["a"].reason


def test_a_reporter_that_disagrees_with_all_others_is_shown():
    reports = [says(r, c, 0.95) for r in ("x", "y", "z") for c in MAKERS]
    reports += [says("odd", c, 0.3) for c in MAKERS]

    assert list(trust.disagreeing(reports, NOW)) == ["odd"]
