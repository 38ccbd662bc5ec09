"""AUC of resampled units: every resample is the AUC of the units that it drew."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.errors import DataError
from modelward.evaluate.measures import intervals
from modelward.evaluate.measures.discrimination import auc
from modelward.evaluate.measures.intervals import resamples
from modelward.evaluate.measures.resampled_auc import resampled_aucs, weighted_auc
from modelward.evaluate.predictions import Predictions

TENTHS = st.integers(0, 10).map(lambda n: n / 10)  # so that ties are common
UNIT = st.tuples(st.booleans(), TENTHS, st.integers(0, 4))


@given(st.lists(UNIT, min_size=1, max_size=40))
def test_a_weight_is_that_many_units(rows):
    outcome, probability, times = (np.array(each) for each in zip(*rows, strict=True))
    found = weighted_auc(Predictions.of(outcome, probability))(times[None, :].astype(float))

    if times.sum() and 0 < outcome @ times < times.sum():
        drawn = Predictions.of(np.repeat(outcome, times), np.repeat(probability, times))
        assert found[0] == pytest.approx(auc(drawn).value, abs=1e-12)
    else:
        assert np.isnan(found[0])


def test_models_are_judged_on_the_same_resamples():
    one = invented(0)

    drawn = resampled_aucs([one, one, invented(1)], np.random.default_rng(3), 50)

    assert drawn.shape == (50, 3)
    np.testing.assert_array_equal(drawn[:, 0], drawn[:, 1])
    assert (drawn[:, 0] != drawn[:, 2]).any()


def test_each_resample_is_that_of_its_weights(monkeypatch):
    one = invented(0)
    monkeypatch.setattr(intervals, "CELLS_AT_ONCE", 7 * len(one))  # blocks of 7, one of 2
    drawn = resampled_aucs([one], np.random.default_rng(3), 30)

    assert drawn.shape == (30, 1)
    blocks = [
        weighted_auc(one)(block)
        for block in resamples(one.strata, 30, np.random.default_rng(3))
    ]
    np.testing.assert_array_equal(drawn[:, 0], np.concatenate(blocks))
    assert {len(block) for block in blocks} == {7, 2}
    assert weighted_auc(one)(np.ones((1, len(one))))[0] == pytest.approx(auc(one).value)


def test_a_resample_of_one_outcome_has_no_value():
    # Four positives of one site: too few to be a stratum, so a resample may hold none.
    rare = Predictions.of([1, 1, *[0] * 6], [0.9, 0.4, 0.6, 0.1, 0.2, 0.3, 0.4, 0.5])

    drawn = resampled_aucs([rare], np.random.default_rng(0), 500)

    assert 0.03 < np.isnan(drawn).mean() < 0.25  # (6/8)^8 = 0.10
    assert np.nanmin(drawn) < 9.5 / 12 < np.nanmax(drawn)


def test_other_units_are_refused():
    with pytest.raises(DataError, match="different units"):
        resampled_aucs(
            [invented(0), Predictions.of([1, 0], [1, 0])], np.random.default_rng(0), 5
        )


def invented(seed: int) -> Predictions:
    """Return forty units with ties; the same outcomes for every seed."""
    outcome = np.arange(40) % 3 == 0
    return Predictions.of(
        outcome, np.round(np.random.default_rng(seed).random(40) / 2 + outcome / 4, 1)
    )
