"""Runs that rank alike and differ in calibration are told apart, all asked at once."""

from dataclasses import replace

import numpy as np
import pytest

from modelward.evaluate.comparing.compare import chance
from modelward.evaluate.estimate import Estimate
from modelward.evaluate.measures.discrimination import SINGLE_MEMBER
from modelward.evaluate.predictions import Predictions
from modelward.evaluate.side_by_side import described, kept, side_by_side
from tests.four_hospitals import findings


def squeezed(one: Predictions) -> Predictions:
    """Return the same ranks, with probabilities close to one half."""
    return replace(one, probability=0.5 + (one.probability - 0.5) / 20)


def test_runs_that_rank_alike_are_told_apart_by_their_brier_score():
    rng = np.random.default_rng(0)
    y = rng.random(200) < 0.5
    one = Predictions.of(y, np.clip(rng.normal(0.2 + 0.6 * y, 0.15), 0.01, 0.99))
    run = described("first", findings(draws=10))
    two = squeezed(one)
    found = side_by_side(
        [run, replace(run, name="second"), replace(run, name="third")],
        {"first": {"north": one}, "second": {"north": two}, "third": {"north": one}},
    )
    second, third = found.against
    off = [np.mean((each.probability - y) ** 2) for each in (two, one)]

    assert second.auc is not None
    assert second.brier is not None
    assert second.auc.difference.value == 0.0
    assert second.brier.difference.value == pytest.approx(off[0] - off[1])
    assert kept(second.brier_adjusted)
    assert not kept(second.adjusted)
    assert not kept(third.brier_adjusted)
    alone = chance("brier", two, one, rng)
    assert alone is not None
    assert second.brier_adjusted == pytest.approx(4 * alone)  # of four questions the surest


def test_one_unit_with_an_outcome_is_no_lowest_hospital():
    found = findings(draws=10)
    models = list(found.models)
    alone = replace(models[0].at("switzerland"), auc=Estimate(0.0, None, SINGLE_MEMBER))
    sites = [alone if each.site == "switzerland" else each for each in models[0].by_site]
    models[0] = replace(models[0], by_site=tuple(sites))

    lowest, where = described("first", replace(found, models=tuple(models))).lowest

    assert lowest is not None
    assert lowest > 0.5
    assert where != "Zürich and Basel"
