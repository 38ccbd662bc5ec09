"""The evaluation as a part of the findings: there when asked, absent without a trace."""

import json
from dataclasses import replace

import numpy as np
import pytest

from modelward.evaluate.comparing.verdict import held_to
from modelward.evaluate.estimate import Estimate
from modelward.evaluate.findings import Findings
from modelward.evaluate.judged import away
from tests.four_hospitals import evaluated, findings, judged

FOUND = evaluated(draws=50)


def test_findings_without_an_evaluation_do_not_have_the_key():
    assert "evaluation" not in json.loads(findings(draws=20).to_json())


def test_json_brings_back_the_same_evaluation():
    assert Findings.from_json(FOUND.to_json()) == FOUND


def test_verdicts_are_adjusted_over_the_sites_that_have_a_local_model():
    assert FOUND.evaluation is not None

    assert set(FOUND.evaluation.adjusted) == {"cleveland", "hungary", "va"}
    assert FOUND.evaluation.adjusted["va"] < 0.05


def test_other_models_are_adjusted_together():
    assert FOUND.evaluation is not None

    assert set(FOUND.evaluation.against) == {model.name for model in FOUND.models[1:]}
    assert FOUND.evaluation.against["pooled"] == 1.0  # the same predictions


def test_a_margin_tells_no_difference_apart():
    swiss, cleveland = FOUND.verdicts[2], FOUND.verdicts[0]
    open_ = replace(cleveland, word="no difference shown", sentence="It: no difference shown.")
    assert open_.difference.interval is not None
    worst = -open_.difference.interval.low

    assert held_to(open_, None) is open_
    assert held_to(open_, worst + 0.01).word == "no worse than local"
    narrow = replace(
        open_, difference=Estimate(0.0, replace(open_.difference.interval, low=-0.2))
    )
    assert held_to(narrow, 0.05).word == "cannot tell"
    assert held_to(narrow, 0.05).sentence == "It: cannot tell (margin 0.05)."
    no_interval = replace(open_, difference=Estimate(0.0))
    assert held_to(no_interval, 0.05).word == "cannot tell"
    assert swiss.metric == "brier"


def test_a_brier_score_is_better_when_it_is_lower():
    swiss = FOUND.verdicts[2]
    assert swiss.difference.interval is not None
    lower = replace(swiss.difference.interval, low=-0.2, high=0.04)
    open_ = replace(
        swiss, word="no difference shown", difference=Estimate(-0.1, lower), sentence=""
    )

    assert held_to(open_, 0.05).word == "no worse than local"


def test_a_site_that_was_left_out_is_compared_on_the_same_units():
    both = judged()
    found = away(
        "va", both["local:hungary"]["va"], both["federated"]["va"], np.random.default_rng(0)
    )

    assert found.units == 45
    assert found.difference.value == pytest.approx(
        (found.together.value or 0) - (found.without.value or 0)
    )
