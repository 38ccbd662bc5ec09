"""One word per site, and the words that go with it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from modelward.errors import DataError
from modelward.evaluate.comparing.compare import Comparison
from modelward.evaluate.comparing.verdict import Verdict, decide, digits_of, say, verdict
from modelward.evaluate.estimate import Estimate, Interval
from modelward.evaluate.predictions import Predictions

OUTCOME = np.repeat([1, 0], 40)


def model(noise: float, seed: int, outcome: NDArray[np.int_] = OUTCOME) -> Predictions:
    """Return predictions that know the outcome through noise."""
    disturbed = noise * np.random.default_rng(seed).normal(size=outcome.size)
    return Predictions.of(outcome, 1 / (1 + np.exp(-2 * (2 * outcome - 1) - disturbed)))


def judge(federated: Predictions, local: Predictions) -> Verdict:
    rng = np.random.default_rng(0)
    return verdict("north", federated, local, unit="patient", rng=rng, draws=500)


@pytest.mark.parametrize(
    ("federated", "local", "word"),
    [
        (model(1, 1), model(9, 2), "federated better"),
        (model(9, 2), model(1, 1), "keep your local model"),
        (model(4, 1), model(4, 2), "no difference shown"),
    ],
)
def test_the_word_follows_the_paired_auc_interval(federated, local, word):
    found = judge(federated, local)

    assert (found.word, found.metric, found.reason) == (word, "auc", "")
    assert found.sentence.endswith(f": {word}.")


@pytest.mark.parametrize(
    ("metric", "low", "high", "word"),
    [
        ("auc", 0.01, 0.2, "federated better"),
        ("auc", -0.2, -0.01, "keep your local model"),
        ("auc", 0.0, 0.2, "no difference shown"),
        ("brier", -0.2, -0.01, "federated better"),
        ("brier", 0.01, 0.2, "keep your local model"),
        ("brier", -0.2, 0.0, "no difference shown"),
    ],
)
def test_a_verdict_needs_the_whole_interval_on_one_side(metric, low, high, word):
    gap = Estimate((low + high) / 2, Interval(low, high, "by hand"))

    assert decide(Comparison(metric, 0.5, 0.5, gap)) == word


def test_the_sentence_holds_the_numbers():
    gap = Estimate(0.02, Interval(-0.01, 0.05, "paired DeLong"))

    said = say(
        Comparison("auc", 0.88, 0.86, gap),
        "no difference shown",
        who="89 test patients",
        rival="the local model",
    )

    assert said == (
        "On its own 89 test patients the federated model has AUC 0.88 against 0.86 for the"
        " local model, difference +0.02 [-0.01, +0.05]: no difference shown."
    )


@pytest.mark.parametrize(
    ("low", "high", "digits"),
    [(-0.2, 0.1, 2), (-0.236, -0.0003, 4), (0.000004, 0.1, 3), (0.0, 0.0, 3)],
)
def test_as_many_digits_are_printed_as_show_the_side_of_zero(low, high, digits):
    assert digits_of((low, high), 2) == digits
    assert digits_of((low, high), 3) == max(digits, 3)


def test_only_the_end_that_needs_them_gets_more_digits():
    gap = Estimate(-0.118, Interval(-0.236, -0.0003, "paired DeLong"))
    compared = Comparison("auc", 0.5, 0.62, gap)

    said = say(
        compared, "keep your local model", who="68 test patients", rival="the local model"
    )

    assert "difference -0.118 [-0.236, -0.0003]: keep your local model." in said


def test_an_end_close_to_zero_gets_the_digit_that_shows_its_side():
    gap = Estimate(0.02, Interval(0.002, 0.04, "paired DeLong"))
    compared = Comparison("auc", 0.88, 0.86, gap)

    said = say(compared, "federated better", who="89 test patients", rival="the local model")

    assert "+0.020 [+0.002, +0.040]: federated better" in said


def test_one_outcome_among_the_test_patients_falls_back_to_brier_in_words():
    ill = np.ones(30, int)

    found = judge(model(1, 1, ill), model(6, 2, ill))

    assert (found.metric, found.word) == ("brier", "federated better")
    assert found.reason == "All of its test patients have the outcome, so no AUC exists."
    assert "(lower is better)" in found.sentence


def test_a_local_model_that_ranks_nobody_falls_back_to_brier_in_words():
    constant = Predictions.of(OUTCOME, np.full(80, 1.0))

    found = judge(model(1, 1), constant)

    assert (found.metric, found.word, found.local) == ("brier", "federated better", 0.5)
    assert "the same probability (1.00)" in found.reason
    assert "for the constant it could predict alone" in found.sentence


def test_a_rare_outcome_falls_back_to_brier_in_words():
    rare = np.repeat([1, 0], [9, 31])

    found = judge(model(1, 1, rare), model(2, 2, rare))

    assert found.metric == "brier"
    assert found.reason.startswith("Fewer than 10 of its test patients have the outcome")


def test_fewer_than_ten_patients_never_show_a_difference():
    few = np.repeat([1, 0], [4, 5])

    found = judge(model(0, 1, few), Predictions.of(few, np.where(few == 1, 0.1, 0.9)))

    assert (found.word, found.difference.interval) == ("no difference shown", None)
    assert found.reason == "Fewer than 10 test patients are too few for any verdict."


def test_a_figure_that_does_not_exist_cannot_be_said():
    nothing = Comparison("auc", None, None, Estimate(None))

    with pytest.raises(DataError, match="no auc exists"):
        say(nothing, "no difference shown", who="3 patients", rival="the local model")


def test_chance_alone_rarely_makes_a_difference():
    words = [judge(model(4, seed), model(4, seed + 1000)).word for seed in range(200)]

    assert words.count("no difference shown") >= 180
