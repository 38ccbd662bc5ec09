"""FedAvg's mean, by hand and against the float64 formula."""

import numpy as np
import pytest

from modelward.aggregate.fixed_point import round_update
from modelward.aggregate.mean import weighted_mean
from modelward.errors import BadUpdate


def test_updates_are_weighted_by_patients():
    updates = [(np.array([1.0, 0.0], np.float32), 1), (np.array([0.0, 1.0], np.float32), 3)]

    assert weighted_mean(iter(updates), 2).tolist() == [0.25, 0.75]


def test_the_mean_is_that_of_mcmahan_et_al():
    drawn = np.random.default_rng(1)
    updates = [
        (round_update(drawn.normal(size=50).astype(np.float32)), int(n))
        for n in drawn.integers(1, 900, 6)
    ]

    expected = sum(u.astype(np.float64) * n for u, n in updates) / sum(n for _, n in updates)

    np.testing.assert_allclose(weighted_mean(updates, 50), expected, rtol=2**-24)


def test_nobody_has_no_mean():
    with pytest.raises(BadUpdate):
        weighted_mean([], 3)
