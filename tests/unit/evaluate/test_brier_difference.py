"""Differences of Brier scores at one site: by hand, and how often the truth is outside."""

from math import log
from typing import Any

import numpy as np
import pytest

from modelward.evaluate.comparing.verdict import held_to, verdict
from modelward.evaluate.measures.brier_difference import brier_chance, brier_difference
from modelward.evaluate.predictions import Predictions


def drawn(
    rng: np.random.Generator, units: int, share: float, rival: str
) -> tuple[Any, Any, Any]:
    """Return outcomes, a calibrated model's probabilities, and a rival's."""
    y = (rng.random(units) < share).astype(int)
    offset = log(share / (1 - share))
    p = 1 / (1 + np.exp(-(offset + 1.2 * rng.normal(1.2 * y) - 0.72)))
    if rival == "the usual outcome":
        return y, p, np.full(units, float(share > 0.5))
    if rival == "another share":
        return y, p, np.full(units, 0.7 * share)
    return y, p, 1 / (1 + np.exp(-(offset + 1.2 * rng.normal(1.2 * y) - 0.72)))


def gap(y: Any, p: Any, q: Any) -> float:
    return float(np.mean((p - y) ** 2 - (q - y) ** 2))


@pytest.mark.parametrize(
    ("units", "share", "rival"),
    [
        (16, 0.94, "the usual outcome"),
        (16, 0.94, "another share"),
        (60, 0.05, "the usual outcome"),
        (60, 0.05, "another model"),
        (30, 0.9, "another share"),
        (12, 0.5, "another model"),
        (40, 0.4, "another share"),
    ],
)
def test_the_truth_is_rarely_outside_also_where_an_outcome_is_rare(units, share, rival):
    rng = np.random.default_rng(12)
    truth, runs = gap(*drawn(rng, 200_000, share, rival)), 400
    above = below = 0
    for _ in range(runs):
        y, p, q = drawn(rng, units, share, rival)
        found = brier_difference(Predictions.of(y, p), Predictions.of(y, q)).interval
        assert found is not None
        above += found.low > truth
        below += found.high < truth

    assert max(above, below) / runs <= 0.06  # the bootstrap had 0.08 to 0.39


def test_sixteen_patients_who_are_all_ill_do_not_prove_a_model_that_says_yes_to_all():
    # The federated model is better in truth: of 100 such patients six are healthy.
    p = np.linspace(0.6, 0.99, 16)
    federated = Predictions.of(np.ones(16), p)
    local = Predictions.of(np.ones(16), np.ones(16))

    made = verdict("s", federated, local, unit="patient", rng=np.random.default_rng(0))

    assert made.metric == "brier"
    assert made.word == "no difference shown"
    assert held_to(made, 0.05).word == "cannot tell"


def test_a_model_does_not_differ_from_itself():
    one = Predictions.of([1, 0, 0, 1, 0, 0], [0.9, 0.2, 0.4, 0.6, 0.1, 0.3])
    found = brier_difference(one, one)

    assert found.interval is not None
    assert (found.value, found.interval.low, found.interval.high) == (0, 0, 0)
    assert brier_chance(found) == 1.0


def test_p_is_below_the_level_where_the_interval_leaves_zero_out_and_has_no_floor():
    rng, seen = np.random.default_rng(4), []
    for shift in np.linspace(0, 0.3, 60):
        y = (rng.random(200) < 0.3).astype(int)
        one, two = (np.clip(0.3 + 0.2 * (2 * y - 1) * k, 0, 1) for k in (1.0, 1.0 - shift))
        one = np.clip(one + rng.normal(0, 0.05, 200), 0, 1)
        found = brier_difference(Predictions.of(y, one), Predictions.of(y, two))
        assert found.interval is not None
        p = brier_chance(found)
        assert p is not None
        assert (p < 0.05) == (not found.interval.low <= 0 <= found.interval.high)
        seen.append(p)
    assert min(seen) < 1e-6
