"""Every comparison of the federated model is in one family, and adjusted over all of it."""

from dataclasses import replace

import numpy as np
import pytest

from modelward.evaluate.comparing.compare import auc_by_resamples, chance
from modelward.evaluate.comparing.family import Versus, family
from modelward.evaluate.estimate import Estimate, Interval
from modelward.evaluate.measures.brier_difference import METHOD
from modelward.evaluate.measures.discrimination import PAIRED, WIDER
from modelward.evaluate.measures.intervals import generator
from modelward.evaluate.predictions import Predictions
from tests.four_hospitals import SIZES, judged

SITES = list(SIZES)
FOUND = family(judged(), SITES, seed=7, draws=200)


def test_every_model_is_held_against_everybody_and_pooled_and_own_at_each_site():
    models = [name for name in judged() if name != "federated"]

    assert [one.model for one in FOUND if one.site == ""] == models
    assert {(one.site, one.model) for one in FOUND if one.site} == {
        *((site, "pooled") for site in SITES),
        *((site, name) for site in SITES if (name := f"local:{site}") in judged()),
    }


def test_p_values_are_adjusted_over_all_lines_at_once():
    both = judged()
    alone = {}
    for one in FOUND:
        if one.site and one.difference.interval is not None:
            pair = both["federated"][one.site], both[one.model][one.site]
            alone[one.site, one.model] = chance(one.metric, *pair, generator(7, one.site), 200)
    asked = [one for one in FOUND if one.adjusted is not None]
    largest = max(asked, key=lambda one: one.adjusted or 0.0)
    least = min(
        (one for one in asked if one.site), key=lambda one: alone[one.site, one.model] or 0.0
    )

    assert len(asked) > len(SITES)
    assert largest.adjusted == 1.0
    p = alone[least.site, least.model]
    assert p is not None
    assert least.adjusted is not None
    assert least.adjusted > p * len(SITES)  # more were asked than one for each hospital
    assert least.adjusted <= min(1.0, p * len(asked))


def test_lines_of_auc_have_both_intervals_and_lines_of_brier_one():
    for one in FOUND:
        method = one.difference.interval.method if one.difference.interval else ""
        if one.metric == "auc":
            assert one.resampled is not None
            assert one.resampled.value == pytest.approx(one.difference.value)
            assert method in {PAIRED, WIDER}
        else:
            assert one.resampled is None
            assert method in {"", METHOD, "stratified bootstrap, 200 resamples"}
    assert {one.metric for one in FOUND} == {"auc", "brier"}


def test_without_another_model_there_is_no_family():
    assert family({"federated": judged()["federated"]}, SITES, seed=7, draws=20) == ()


def test_a_line_is_disputed_where_one_interval_holds_zero():
    line = Versus(
        site="", model="pooled", metric="auc", federated=0.8, other=0.7,
        difference=Estimate(0.1, Interval(-0.01, 0.2, "paired DeLong")),
    )  # fmt: skip
    above = Estimate(0.1, Interval(0.01, 0.2, "bootstrap"))

    assert replace(line, resampled=above).disputed
    assert not replace(line, resampled=line.difference).disputed
    assert not line.disputed
    assert not replace(line, resampled=Estimate(0.1)).disputed


@pytest.mark.slow
def test_the_bootstrap_has_delongs_width_where_units_are_many():
    rng = np.random.default_rng(4)
    y = rng.random(3000) < 0.3
    logit = rng.normal(size=3000) + y
    one, two = (
        Predictions.of(y, 1 / (1 + np.exp(-logit - noise * rng.normal(size=3000))))
        for noise in (0.3, 0.8)
    )
    lines = family({"federated": {"a": one}, "pooled": {"a": two}}, ["a"], seed=1, draws=1000)
    delong, drawn = lines[0].difference.interval, auc_by_resamples(one, [two], rng, 1000)[0]

    assert delong is not None
    assert drawn.interval is not None
    widths = [each.high - each.low for each in (delong, drawn.interval)]
    assert widths[1] == pytest.approx(widths[0], rel=0.08)
    assert lines[0].kept
