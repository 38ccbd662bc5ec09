"""Every figure of one model, in one place."""

import numpy as np

from modelward.evaluate.judging import judge
from modelward.evaluate.measures.scores import score
from modelward.evaluate.predictions import Predictions

NORTH = Predictions.of([1, 1, 0, 0] * 10, np.linspace(0.9, 0.1, 40))
SOUTH = Predictions.of([1, 0, 1, 0] * 10, np.linspace(0.8, 0.2, 40))


def test_scores_are_of_the_group_they_name():
    found = score(NORTH, np.random.default_rng(1), site="north", draws=50)

    assert (found.site, found.units, found.positives) == ("north", 40, 20)
    assert found.brier.interval is not None
    assert found.brier.interval.method.endswith("50 resamples")


def test_a_model_is_judged_on_everybody_and_at_each_site():
    found = judge("federated", [("north", NORTH), ("south", SOUTH)], seed=1, draws=20)

    assert (found.overall.site, found.overall.units) == ("", 80)
    assert found.at("south").units == 40
    assert found.roc
    assert found.reliability


def test_local_models_are_not_drawn():
    found = judge("local:north", [("north", NORTH), ("south", SOUTH)], seed=1, draws=20)

    assert (found.roc, found.reliability) == ((), ())
