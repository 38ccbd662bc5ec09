"""Times as intervals, the loss by plain loops, and whose yes or no nobody knows."""

import numpy as np
import pytest

from modelward.core.columns import Inputs, inputs
from modelward.core.task import Task
from modelward.errors import StudyFileError
from modelward.learn.examples import Examples
from modelward.learn.personal import loss
from modelward.privacy.accounting import Event
from modelward.readers.cohort import Cohort
from modelward.recipes.catalogue import recipe
from modelward.site.answering.answer import compute
from modelward.site.answering.folds import answerable
from modelward.site.budget.spending import Booked
from modelward.study.intervals import targets, unknown
from modelward.study.model import initial
from modelward.study.read import parse
from modelward.study.scaling import frozen

ENDS = np.array([10.0, 20.0, 30.0])
STUDY = """
[study]
id = "lives"
purpose = "How long?"
[features.age]
type = "number"
unit = "a"
range = [0, 110]
[target.death]
type = "time-to-event"
horizon = 30
intervals = [10, 20, 30]
[recipe]
name = "hazard"
options = { hidden = [3] }
"""


def test_an_event_is_in_the_interval_of_its_day_and_a_survivor_has_whole_ones():
    days = np.array([0.0, 10.0, 10.5, 30.0, 9.0, 10.0, 29.0, 30.0])
    event = np.array([1, 1, 1, 1, 0, 0, 0, 0], np.int8)

    found = targets(ENDS, days, event)

    assert found[:, 1].tolist() == [0, 0, 1, 2, 0, 1, 2, 3]
    assert unknown(ENDS, days, event).tolist() == [False] * 4 + [True] * 3 + [False]


def test_the_likelihood_is_that_of_plain_loops():
    study = parse(STUDY)
    shape, made = inputs(study), recipe(study.recipe)
    flat = np.random.default_rng(1).normal(0, 0.7, made.schema(shape).size).astype(np.float32)
    x = np.array([[0.5], [-1.0], [2.0], [0.1], [-0.3]], np.float32)
    y = targets(ENDS, np.array([4, 25, 30, 12, 30.0]), np.array([1, 1, 0, 0, 1], np.int8))

    come = made.probabilities(flat, x, shape)

    named = {n: v.astype(np.float64) for n, v in made.schema(shape).split(flat).items()}
    losses = []
    for row, (event, place), said in zip(x, y, come, strict=True):
        inner = np.maximum(named["hidden1.weight"] @ row + named["hidden1.bias"], 0)
        hazard = 1 / (1 + np.exp(-(named["logit.weight"] @ inner + named["logit.bias"])))
        alive, by = 1.0, []
        for chance in hazard:
            alive *= 1 - chance
            by.append(1 - alive)
        assert said == pytest.approx(by, abs=1e-6)
        total = -sum(np.log(1 - hazard[k]) for k in range(int(place)))
        losses.append(total - (np.log(hazard[int(place)]) if event else 0))
    assert loss(made, flat, Examples(x, y, 5), shape) == pytest.approx(
        np.mean(losses), abs=1e-5
    )


def test_who_left_early_is_trained_on_and_not_judged_by_yes_or_no():
    folds = np.array([0, 0, 1, 1, 2, 2], np.int8)
    cohort = Cohort(
        x=np.zeros((6, 1)),
        y=np.array([0, 1, 0, 1, 0, 0], np.int8),
        folds=folds,
        amount=np.array([5.0, 5, 5, 5, 5, 30]),
    )

    found = answerable(parse(STUDY), cohort)

    assert [found.count("train"), found.count("validation"), found.count("test")] == [2, 1, 1]


def test_under_a_bound_nobody_is_told_how_many_left_early():
    study = parse(STUDY + "[privacy.dp]\nepsilon = 3.0\n")
    cohort = Cohort(
        x=np.full((60, 1), 60.0),
        y=np.zeros(60, np.int8),
        folds=np.repeat(np.array([0, 1], np.int8), 30),
        amount=np.tile([5.0, 30.0, 30.0], 20),
    )
    model = initial(study, frozen(study, {}))
    task = Task(study=study.sha256, round_no=1, kind="evaluate", model="0" * 64)
    booked = Booked(event=Event(1.0, 2.0, 1), statistics=None, key=bytes(32), card={})

    found = compute(task, study, model, cohort, "north", booked)

    assert answerable(study, cohort).count("validation") == 20
    assert found.patients == 30


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[10, 20, 30]", "[10, 20]", "the last must be the horizon, 30"),
        ("[10, 20, 30]", "[20, 10, 30]", "intervals must rise"),
        ("intervals = [10, 20, 30]", "", "'hazard' predicts in which interval"),
        ('name = "hazard"\noptions = { hidden = [3] }', 'name = "cox"\n[plan]\n'
         'strategy = "sums"', "'cox' takes times as they are"),
        ('name = "hazard"\noptions = { hidden = [3] }', 'name = "mlp"',
         "'mlp' does not predict 'time-to-event': use fusion or gru or hazard"),
    ],
)  # fmt: skip
def test_intervals_that_do_not_fit_are_refused(old, new, says):
    with pytest.raises(StudyFileError, match=says):
        parse(STUDY.replace(old, new))


def test_intervals_are_outputs_of_the_network_and_leave_no_trace_where_absent():
    without = STUDY.replace("intervals = [10, 20, 30]", "").replace(
        'name = "hazard"\noptions = { hidden = [3] }',
        'name = "cox"\n[plan]\nstrategy = "sums"',
    )

    assert inputs(parse(STUDY)) == Inputs("table", (1,), outcome="intervals", levels=3)
    assert "intervals" not in parse(without).model_dump_json()
