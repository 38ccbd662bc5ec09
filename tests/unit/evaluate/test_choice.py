"""What a site should use: chosen before the test is looked at, judged with a fixed margin."""

import numpy as np
import pytest

from modelward.evaluate.comparing.choice import choose, log_loss
from modelward.evaluate.predictions import Predictions


def predictions(number: int, skill: float, seed: int) -> Predictions:
    """Outcomes that depend on the seed alone, told apart as well as `skill` says."""
    y = np.random.default_rng([1, seed]).integers(0, 2, number)
    noise = np.random.default_rng([2, seed, int(skill * 1000)]).normal(size=number)
    return Predictions.of(y, 1 / (1 + np.exp(-(skill * (2 * y - 1) + noise))))


def chosen(
    number: int, local: float, common: float, on_test: tuple[float, float] | None = None
) -> tuple[str, str]:
    skills = {"local": local, "federated": common}
    tested = dict(zip(skills, on_test or (local, common), strict=True))
    found = choose(
        "north",
        {name: predictions(200, skill, 5) for name, skill in skills.items()},
        {name: predictions(number, skill, 9) for name, skill in tested.items()},
        unit="patient",
        rng=np.random.default_rng(0),
    )
    return found.model, found.word


def test_a_much_better_model_is_to_be_used():
    assert chosen(400, 0.2, 2.0) == ("federated", "use federated here")


def test_a_local_model_that_validation_chooses_is_kept_where_the_test_shows_it_better():
    assert chosen(400, 2.0, 0.2) == ("local", "keep your local model")


def test_a_local_model_that_is_like_the_next_best_is_no_better():
    assert chosen(400, 1.5, 0.5, (1.0, 1.0)) == ("local", "no difference shown")


def test_what_nobody_can_tell_because_test_contradicts_validation_is_said_so():
    found = choose(
        "north",
        {"local": predictions(200, 2.0, 5), "federated": predictions(200, 0.2, 5)},
        {"local": predictions(400, 0.2, 9), "federated": predictions(400, 2.0, 9)},
        unit="patient",
        rng=np.random.default_rng(0),
    )

    assert found.sentence.endswith(": cannot tell, as test says the opposite of validation.")


def test_where_validation_and_test_say_the_opposite_nobody_can_tell():
    assert chosen(400, 2.0, 0.2, (0.2, 2.0)) == ("local", "cannot tell")


def test_a_choice_of_the_local_model_has_an_interval_behind_it():
    skills = {"local": 2.0, "own": 1.0, "federated": 0.1}
    found = choose(
        "north",
        {name: predictions(200, skill, 5) for name, skill in skills.items()},
        {name: predictions(300, skill, 9) for name, skill in skills.items()},
        unit="patient",
        rng=np.random.default_rng(0),
    )

    assert found.difference.interval is not None
    assert found.difference.interval.low < found.difference.interval.high < 0
    assert found.sentence.startswith("Validation chooses local, own comes next; on 300 test")


def test_models_that_are_alike_are_no_worse_where_there_are_enough_units():
    assert chosen(4000, 0.5, 1.5, (1.0, 1.02)) == ("federated", "no worse than local")


def test_sixteen_patients_cannot_tell():
    assert chosen(16, 0.5, 1.5, (1.0, 1.02))[1] == "cannot tell"


def test_log_loss_is_what_it_says():
    found = Predictions.of([1, 0], [0.8, 0.5])

    assert log_loss(found) == pytest.approx(-(np.log(0.8) + np.log(0.5)) / 2)
