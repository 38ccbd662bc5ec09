"""AUC and DeLong: by hand, against scikit-learn, against the definition, and by coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from modelward.errors import DataError
from modelward.evaluate.measures import discrimination as d
from modelward.evaluate.measures import near_perfect
from modelward.evaluate.predictions import Floats, Predictions

TENTHS = st.integers(0, 10).map(lambda n: n / 10)  # so that ties are common
ONE = st.tuples(st.booleans(), TENTHS, TENTHS)


Rows = list[tuple[bool, float, float]]


def split(rows: Rows) -> tuple[Predictions, Predictions]:
    """Return the predictions of two models on the same units."""
    outcome = [row[0] for row in rows]
    return (
        Predictions.of(outcome, [row[1] for row in rows]),
        Predictions.of(outcome, [row[2] for row in rows]),
    )


def naive_placements(predictions: Predictions) -> tuple[Floats, Floats]:
    """Return DeLong's V10 and V01 from their definition: all pairs, ties one half."""
    positive = predictions.probability[predictions.outcome]
    negative = predictions.probability[~predictions.outcome]
    psi = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    return np.asarray(psi.mean(axis=1)), np.asarray(psi.mean(axis=0))


both_classes = st.lists(ONE, min_size=4, max_size=60).filter(
    lambda rows: 2 <= sum(row[0] for row in rows) <= len(rows) - 2
)


def test_four_patients_by_hand():
    # Of 2 x 2 pairs, only 0.4 (ill) against 0.6 (healthy) is the wrong way round.
    judged = Predictions.of([1, 1, 0, 0], [0.9, 0.4, 0.6, 0.1])

    found = d.auc(judged)

    assert found.value == 0.75
    # V10 = (1, 1/2), V01 = (1/2, 1): variance 1/8 of each, over 2, so 1/8 in all.
    placed = d.placements(judged)
    error, freedom = d.standard_error(placed.v10, placed.v01)
    assert error == pytest.approx(np.sqrt(1 / 8))
    assert freedom == pytest.approx(2)


def test_placements_are_the_shares_below_and_above_with_equals_counted_half():
    placed = d.placements(Predictions.of([1, 0, 1, 0, 1], [0.9, 0.5, 0.5, 0.1, 0.1]))

    assert placed.v10.tolist() == [
        1.0,
        0.75,
        0.25,
    ]  # of 0.5 and 0.1: below; level, below; level
    assert placed.v01.tolist() == pytest.approx([1.5 / 3, 2.5 / 3])


@pytest.mark.slow
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
def test_placements_agree_with_counting_every_pair(units):
    y = np.array([outcome for outcome, _ in units])
    p = np.array([level / 5 for _, level in units])
    if y.all() or not y.any():
        return

    placed = d.placements(Predictions.of(y, p))

    higher = (p[y][:, None] > p[~y]) + 0.5 * (p[y][:, None] == p[~y])
    np.testing.assert_allclose(placed.v10, higher.mean(axis=1))
    np.testing.assert_allclose(placed.v01, higher.mean(axis=0), atol=1e-15)


@pytest.mark.slow
@given(both_classes)
def test_auc_agrees_with_scikit_learn_with_ties(rows):
    judged, _ = split(rows)

    assert d.auc(judged).value == pytest.approx(
        roc_auc_score(judged.outcome, judged.probability), abs=1e-12
    )


@given(both_classes)
def test_placements_agree_with_their_definition(rows):
    judged, _ = split(rows)

    placed = d.placements(judged)

    v10, v01 = naive_placements(judged)
    np.testing.assert_allclose(placed.v10, v10, atol=1e-12)
    np.testing.assert_allclose(placed.v01, v01, atol=1e-12)


@pytest.mark.slow
@given(both_classes)
def test_paired_variance_is_that_of_delong_with_covariances(rows):
    first, second = split(rows)
    m, n = first.positives, first.negatives
    s10 = np.cov([naive_placements(first)[0], naive_placements(second)[0]])
    s01 = np.cov([naive_placements(first)[1], naive_placements(second)[1]])
    s = s10 / m + s01 / n
    expected = max(s[0, 0] + s[1, 1] - 2 * s[0, 1], 0)

    one, two = d.placements(first), d.placements(second)
    error, _ = d.standard_error(one.v10 - two.v10, one.v01 - two.v01)

    assert error**2 == pytest.approx(expected, abs=1e-12)


@given(both_classes)
def test_an_interval_holds_its_value_and_stays_between_0_and_1(rows):
    judged, _ = split(rows)

    found = d.auc(judged)

    assert found.value is not None
    if found.interval is None:
        assert found.note
    else:
        assert 0 <= found.interval.low <= found.value <= found.interval.high <= 1


@pytest.mark.slow
@given(both_classes, st.randoms(use_true_random=False))
def test_the_order_of_patients_does_not_matter(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)

    assert d.auc(split(rows)[0]).value == pytest.approx(d.auc(split(shuffled)[0]).value)


@pytest.mark.slow
@given(both_classes)
def test_swapping_models_swaps_the_sign(rows):
    first, second = split(rows)

    there, back = d.auc_difference(first, second), d.auc_difference(second, first)

    assert there.value == pytest.approx(-(back.value or 0), abs=1e-12)
    if there.interval and back.interval:
        assert there.interval.low == pytest.approx(-back.interval.high)


def test_a_model_does_not_differ_from_itself():
    judged = Predictions.of([1, 1, 0, 0], [0.9, 0.4, 0.6, 0.1])

    found = d.auc_difference(judged, judged)

    assert (found.value, found.interval and found.interval.low) == (0, 0)


def test_without_two_classes_there_is_no_auc_and_it_says_so():
    alike = Predictions.of([1, 1], [0.9, 0.4])

    assert d.auc(alike).value is None
    assert d.auc(alike).note == d.ONE_CLASS
    assert d.auc_difference(alike, alike).value is None


@pytest.mark.parametrize(
    ("probability", "value", "note"),
    [
        ([0.9, 0.8, 0.2, 0.1], 1.0, d.PERFECT),
        ([0.1, 0.2, 0.8, 0.9], 0.0, d.PERFECT),
        ([0.5, 0.5, 0.5, 0.5], 0.5, d.NO_SPREAD),
    ],
)
def test_without_variance_there_is_no_interval_and_it_says_so(probability, value, note):
    found = d.auc(Predictions.of([1, 1, 0, 0], probability))

    assert (found.value, found.interval, found.note) == (value, None, note)


def test_a_class_of_one_has_no_interval():
    lonely = Predictions.of([1, 0, 0], [0.5, 0.2, 0.9])

    assert d.auc(lonely).interval is None
    assert d.auc_difference(lonely, lonely).note == d.SINGLE_MEMBER


def test_perfect_against_perfectly_wrong_claims_no_interval():
    right = Predictions.of([1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1])
    wrong = Predictions.of([1, 1, 0, 0], [0.1, 0.2, 0.8, 0.9])

    found = d.auc_difference(right, wrong)

    assert (found.value, found.interval, found.note) == (1.0, None, d.NO_SPREAD)


def test_two_models_without_a_mistake_may_still_differ():
    outcome = np.repeat([1, 0], [10, 10])
    rng = np.random.default_rng(3)
    first, second = (np.where(outcome, 0.6, 0.1) + 0.3 * rng.random(20) for _ in range(2))

    found = d.auc_difference(Predictions.of(outcome, first), Predictions.of(outcome, second))

    assert (found.value, found.interval and found.interval.method) == (0, d.WIDER)
    assert found.interval is not None
    assert found.interval.low < -0.19


def by_definition(auc: float, m: int, n: int) -> tuple[float, float]:
    """Return Newcombe's method 5 from a grid: all t with |auc - t| <= z s(t)."""
    t = np.linspace(0, 1, 2_000_001)[1:-1]
    pairs = (m + n) / 2 - 1
    spread = t * (1 - t) * (1 + pairs * (1 - t) / (2 - t) + pairs * t / (1 + t)) / (m * n)
    held = t[(auc - t) ** 2 <= 1.959964**2 * spread]
    return float(held.min()), float(held.max())


@pytest.mark.parametrize("auc", [0.5, 0.84, 0.99, 1.0])
@pytest.mark.parametrize(("m", "n"), [(10, 10), (10, 200), (58, 51)])
def test_newcombes_interval_is_the_set_that_it_is_defined_as(auc, m, n):
    assert near_perfect.alone(auc, m, n) == pytest.approx(by_definition(auc, m, n), abs=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("m", "n"), [(10, 10), (15, 15), (10, 30)])
def test_a_worse_model_is_rarely_called_no_worse_where_both_hardly_err(m, n):
    # The difference in truth is the margin; 2.5 in 100 intervals may lie above it.
    from scipy.stats import norm

    rng, runs, wrong = np.random.default_rng(8), 400, 0
    outcome = np.repeat([1, 0], [m, n])
    for _ in range(runs):
        shared = rng.normal(size=m + n)
        models = [
            norm.cdf(
                np.sqrt(0.7) * shared
                + np.sqrt(0.3) * rng.normal(size=m + n)
                + np.sqrt(2) * norm.ppf(auc) * outcome
            )
            for auc in (0.94, 0.99)
        ]
        found = d.auc_difference(*(Predictions.of(outcome, p) for p in models))
        wrong += found.interval is not None and found.interval.low > -0.05

    assert wrong / runs <= 0.025


def test_different_units_cannot_be_compared():
    with pytest.raises(DataError):
        d.auc_difference(Predictions.of([1, 0], [1, 0]), Predictions.of([0, 1], [1, 0]))


def test_counts_at_the_threshold_by_hand():
    judged = Predictions.of([1, 1, 1, 0, 0], [0.5, 0.49, 0.9, 0.5, 0.1])

    assert d.accuracy(judged).value == pytest.approx(3 / 5)
    assert d.sensitivity(judged).value == pytest.approx(2 / 3)
    assert d.specificity(judged).value == pytest.approx(1 / 2)
    assert d.sensitivity(judged, threshold=0.4).value == 1


def test_a_missing_class_leaves_its_proportion_without_value():
    ill, healthy = Predictions.of([1, 1], [0.9, 0.4]), Predictions.of([0, 0], [0.9, 0.4])

    assert d.specificity(ill).note == "every unit has the outcome"
    assert d.sensitivity(healthy).note == "no unit has the outcome"


def test_expit_does_not_overflow():
    assert (d.expit(-1e4), d.expit(0), d.expit(1e4)) == (0, 0.5, 1)


@pytest.mark.slow
@pytest.mark.parametrize(("m", "n", "shift"), [(5, 40, 1.2), (34, 11, 1.2), (200, 200, 1.2)])
def test_intervals_cover_the_truth_about_95_times_in_100(m, n, shift):
    from scipy.stats import norm

    rng, truth, runs = np.random.default_rng(5), norm.cdf(shift / np.sqrt(2)), 1_500
    outcome = np.repeat([1, 0], [m, n])
    covered = paired = 0
    for _ in range(runs):
        score = rng.normal(size=m + n) + shift * outcome
        first, second = score + 0.6 * rng.normal(size=(2, m + n))
        single = d.auc(Predictions.of(outcome, norm.cdf(score)))
        gap = d.auc_difference(
            Predictions.of(outcome, norm.cdf(first)), Predictions.of(outcome, norm.cdf(second))
        )
        covered += not single.interval or single.interval.low <= truth <= single.interval.high
        paired += not gap.interval or gap.interval.low <= 0 <= gap.interval.high

    assert 0.93 <= covered / runs <= 0.985
    assert 0.93 <= paired / runs <= 0.985
