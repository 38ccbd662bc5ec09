"""A statement of readiness leaves with what it may say, and with noise that was paid for."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from modelward.core.task import Task
from modelward.gate.offer import Offer
from modelward.gate.policy import Policy
from modelward.gate.statements import statement
from modelward.privacy.book import privacy_fields
from modelward.privacy.plan import look
from modelward.study.readiness import of_nobody, schema
from tests.sites import newton

STUDY = newton()
FLAGS = Offer(
    task=Task(study=STUDY.sha256, round_no=1, kind="readiness"),
    kind="statistics",
    tensors=of_nobody(STUDY, {}),
    patients=0,
    schema=schema(STUDY),
    privacy={"mechanism": "public"},
)
COUNTED = replace(
    FLAGS,
    tensors={**FLAGS.tensors, "units": np.array([50.0]), "outcome": np.full(8, 3.5)},
    patients=50,
    privacy=privacy_fields(look(), "study/readiness/1"),
)


def findings(offer: Offer, policy: Policy | None = None) -> str:
    return "; ".join(f.says for f in statement(STUDY, policy or Policy())(offer))


def changed(**tensors: NDArray[np.float64]) -> Offer:
    return replace(COUNTED, tensors={**COUNTED.tensors, **tensors})


def test_flags_of_a_site_of_any_size_may_leave():
    assert findings(FLAGS) == ""
    assert findings(replace(FLAGS, tensors=of_nobody(STUDY, {"age": False}))) == ""


def test_noised_counts_of_a_ready_site_may_leave():
    assert findings(COUNTED) == ""


@pytest.mark.parametrize(
    ("offer", "says"),
    [
        (changed(units=np.array([57.0])), "57, which is no band"),
        (changed(ready=np.array([1, 1, 0.5, 1, 1])), "something else than 0 and 1"),
        (changed(ready=np.array([1, 1, 0.0, 1, 1])), "the site is not ready"),
        (changed(units=np.array([100.0])), "and 50 on its card"),
        (changed(outcome=np.full(8, np.nan)), "NaN"),
        (changed(extra=np.zeros(3)), "nobody asked for"),
        (replace(COUNTED, privacy={"mechanism": "none"}), "without the noise"),
        (
            replace(COUNTED, privacy={**COUNTED.privacy, "noise": look().noise / 2}),
            "without the noise",
        ),
    ],
)
def test_anything_else_is_refused(offer, says):
    assert says in findings(offer)


def test_counts_of_few_are_refused_where_the_study_or_the_policy_asks_for_more():
    assert "at least 100 are asked for" in findings(COUNTED, Policy(min_patients=100))


def test_counts_stay_where_the_lane_for_them_is_closed():
    closed = Policy(lanes=frozenset({"exact"}))

    assert "the lane dp is closed" in findings(COUNTED, closed)
    assert findings(FLAGS, closed) == ""
