"""Which round is kept: the watched figure, then the log loss, then the last; and it is said."""

from itertools import pairwise
from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.evaluate.comparing.kept_round import kept_round, said
from modelward.evaluate.measures.binned import figures

figure = st.sampled_from([0.1, 0.5, 0.9, nan])


def rounds(*pairs: tuple[float, float]) -> list[dict[str, float]]:
    """Return figures of rounds from their AUC and log loss."""
    return [{"auc": auc, "accuracy": nan, "loss": loss} for auc, loss in pairs]


@pytest.mark.parametrize(
    ("metric", "pairs", "kept", "words"),
    [
        ("auc", [(0.5, 0.6), (0.7, 0.9), (0.6, 0.5)], 2, ""),
        ("loss", [(0.5, 0.6), (0.7, 0.9), (0.6, 0.5)], 3, ""),
        ("auc", [(0.7, 0.6), (0.7, 0.5), (0.6, 0.4)], 2, ""),
        ("auc", [(0.6, 0.5), (0.7, 0.5), (0.7, 0.5)], 2, ""),
        ("auc", [(0.7, 0.5), (0.7, 0.5), (0.6, 0.4)], 2, ""),
        ("auc", [(1.0, 0.6), (1.0, 0.4), (1.0, 0.5)], 2, "AUC was the same after every round"),
        ("auc", [(nan, 0.4), (nan, 0.3), (nan, 0.5)], 2, "AUC had no value after every round"),
        ("auc", [(nan, 0.1), (0.5, 0.9), (nan, 0.1)], 2, ""),
        ("accuracy", [(0.5, 0.6), (0.5, 0.4)], 2, "the accuracy had no value"),
        ("auc", [(1.0, 0.6), (1.0, 0.6), (1.0, 0.6)], 3, "as the last, as validation figures"),
        ("loss", [(1.0, 0.6), (1.0, 0.6)], 2, "as the last, as validation figures"),
        ("auc", [(nan, nan), (nan, nan)], 2, "as the last, as no validation units were told"),
        ("loss", [(nan, nan), (nan, 0.4), (nan, nan)], 2, ""),
        ("auc", [(nan, nan)], 1, ""),
    ],
)  # fmt: skip
def test_what_decides_and_what_is_said_of_it(metric, pairs, kept, words):
    seen = rounds(*pairs)

    assert kept_round(metric, seen) == kept
    assert words in said(metric, seen)
    assert bool(words) == bool(said(metric, seen))


def test_a_round_is_not_kept_because_the_hospital_with_hard_cases_was_silent():
    def counted(negatives: list[int], positives: list[int]) -> np.ndarray:
        counts = np.zeros((2, 256), np.int64)
        np.add.at(counts[0], negatives, 1)
        np.add.at(counts[1], positives, 1)
        return counts

    easy = counted([10] * 50, [100] * 2)  # 4 % have it
    hard = counted([100] * 30, [150] * 30)
    later = counted([8] * 50, [120] * 2) + counted([90] * 30, [160] * 30)
    silent, heard = figures(easy), figures(later)

    assert figures(easy + hard)["loss"] > heard["loss"] > silent["loss"]
    assert kept_round("loss", [figures(easy + hard), silent, heard]) == 3


def test_the_gain_is_nothing_for_a_constant_and_the_loss_below_it_else():
    counts = np.zeros((2, 256), np.int64)
    counts[0, 64], counts[1, 64] = 300, 100

    assert figures(counts)["gain"] == pytest.approx(0.0, abs=1e-4)
    assert isnan(figures(np.zeros((2, 256), np.int64))["gain"])


def test_a_study_that_began_without_gains_goes_on_by_its_losses():
    older = [{"auc": 0.5, "loss": 0.4}, {"auc": 0.5, "loss": 0.5, "gain": 0.3}]

    assert kept_round("loss", older) == 1


def test_before_the_first_round_none_is_kept():
    assert kept_round("auc", []) == 0


@given(
    st.lists(st.tuples(figure, figure), min_size=1, max_size=7),
    st.sampled_from(["auc", "accuracy", "loss"]),
)
def test_one_more_round_changes_the_choice_to_itself_or_to_nothing_else(pairs, metric):
    seen = rounds(*pairs)
    path = [kept_round(metric, seen[:number]) for number in range(1, len(seen) + 1)]

    for number, (before, after) in enumerate(pairwise(path), start=2):
        assert after in {before, number}


@given(st.lists(st.tuples(figure, figure), min_size=1, max_size=7))
def test_no_round_with_a_value_has_a_better_one_than_the_kept(pairs):
    seen = rounds(*pairs)
    best = seen[kept_round("auc", seen) - 1]["auc"]
    known = [each["auc"] for each in seen if not isnan(each["auc"])]

    assert best == max(known) if known else isnan(best)
