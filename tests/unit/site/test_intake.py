"""What a hub may ask follows from the signed study; all else is refused with a reason."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.aggregate import server_opt
from modelward.core.study import ServerOptimiser, Study
from modelward.core.task import Task, TaskKind
from modelward.core.verdict import Finding
from modelward.site.entering.intake import (
    SLACK,
    Seen,
    expected_kinds,
    known,
    model_objections,
    task_objections,
)
from modelward.site.entering.step import largest_step
from modelward.study.model import Model, initial
from modelward.study.read import parse
from modelward.study.scaling import Scaling
from tests.analyses import numbers, study_of
from tests.sites import FEDAVG, fedavg, newton

A, B = "aa" * 32, "bb" * 32

MEASURED = 'type = "number"\nunit = "d"\nrange = [0, 100]'


def task(study: Study, round_no: int, kind: TaskKind, model: str | None = A) -> Task:
    return Task(study=study.sha256, round_no=round_no, kind=kind, model=model)


def rules(found: Iterable[Finding]) -> list[str]:
    return sorted(finding.rule.removeprefix("intake-") for finding in found)


def scaling() -> Scaling:
    """Figures within the study's ranges: age, creatinine, diabetes."""
    fill = np.array([60.0, 1.2, 0.3])
    return Scaling(center=fill, spread=np.array([12.0, 0.8, 0.46]), fill=fill)


def model(study: Study, *, moved: float = 0.0) -> Model:
    """Return the start of `study`, `moved` away along its first parameter."""
    start = initial(study, scaling())
    parameters = start.parameters.copy()
    parameters[0] += moved
    return replace(start, parameters=parameters)


def test_the_kinds_of_a_study_follow_from_its_strategy_and_its_metric():
    assert expected_kinds(newton()) == {"statistics", "newton"}
    assert expected_kinds(fedavg()) == {"statistics", "train", "evaluate"}


@pytest.mark.parametrize(
    ("round_no", "kind", "brings", "expected"),
    [
        (0, "statistics", None, []),
        (1, "train", A, []),
        (3, "train", A, []),
        (3, "evaluate", A, []),
        (0, "train", A, ["round"]),
        (4, "train", A, ["round"]),
        (-1, "train", A, ["order", "round"]),
        (1, "statistics", None, ["round"]),
        (1, "newton", A, ["kind"]),
        (1, "train", None, ["model"]),
        (0, "statistics", A, ["model"]),
    ],
)
def test_only_tasks_of_the_plan_are_let_in(round_no, kind, brings, expected):
    asked = task(fedavg(), round_no, kind, brings)

    assert rules(task_objections(asked, fedavg(), Seen())) == expected


def test_no_second_different_task_for_the_same_round_and_kind():
    study = fedavg()
    first = task(study, 1, "train")
    seen = Seen().after(first)

    assert known(first, seen)
    second = task(study, 1, "train", B)
    assert not known(second, seen)
    assert rules(task_objections(second, study, seen)) == ["once", "once"]


def test_one_round_has_one_model():
    study = fedavg()
    seen = Seen().after(task(study, 1, "train")).after(task(study, 1, "evaluate", B))

    assert rules(task_objections(task(study, 2, "train", B), study, seen)) == []
    assert rules(task_objections(task(study, 2, "train", A), study, seen)) == ["once"]


def test_rounds_do_not_go_back():
    study = fedavg()
    seen = Seen().after(task(study, 2, "train"))

    assert rules(task_objections(task(study, 1, "train", B), study, seen)) == ["order"]


def test_what_is_remembered_is_the_newest_model():
    study = fedavg()
    seen = Seen().after(task(study, 0, "statistics", None))
    assert (seen.age, seen.model) == (None, None)

    seen = seen.after(task(study, 1, "train"))
    assert (seen.age, seen.model) == (0, A)

    seen = seen.after(task(study, 1, "evaluate", B))
    assert (seen.age, seen.model) == (1, B)
    assert len(seen.asked) == 3


@pytest.mark.parametrize("study", [newton(), fedavg()], ids=["newton", "fedavg"])
def test_the_first_model_is_the_start_of_the_signed_seed_bit_for_bit(study):
    kind: TaskKind = "newton" if study.plan.strategy == "newton" else "train"
    asked = task(study, 1, kind)
    tiny = np.nextafter(model(study).parameters[0], np.inf) - model(study).parameters[0]

    assert model_objections(asked, model(study), Seen(), None) == ()
    found = model_objections(asked, model(study, moved=float(tiny) or 1e-30), Seen(), None)
    assert "seed" in rules(found)


def test_another_seed_is_another_start():
    study = fedavg()
    cnn = study.model_copy(
        update={"recipe": study.recipe.model_copy(update={"name": "mlp", "options": {}})}
    )
    other = cnn.model_copy(update={"plan": cnn.plan.model_copy(update={"seed": 1})})
    from_other = replace(initial(other, scaling()), study=cnn)

    assert "seed" in rules(model_objections(task(cnn, 1, "train"), from_other, Seen(), None))


@pytest.mark.parametrize(
    ("moved", "expected"), [(0.0, []), (9.99, []), (10.02, ["step"]), (np.nan, ["step"])]
)
def test_one_round_moves_the_model_by_at_most_the_signed_bound(moved, expected):
    study = newton()  # clip is 10, and a Newton step may be that long
    seen = Seen().after(task(study, 1, "newton"))

    found = model_objections(
        task(study, 2, "newton", B), model(study, moved=moved), seen, model(study)
    )

    assert rules(found) == expected


def test_a_site_that_was_away_for_two_rounds_allows_two_steps():
    study = newton()
    seen = Seen().after(task(study, 1, "newton"))
    asked = task(study, 3, "newton", B)

    assert model_objections(asked, model(study, moved=19.9), seen, model(study)) == ()
    assert rules(model_objections(asked, model(study, moved=20.1), seen, model(study))) == [
        "step"
    ]


def test_a_site_that_joins_late_measures_from_the_signed_start():
    study = newton()
    asked = task(study, 3, "newton", B)

    assert model_objections(asked, model(study, moved=19.9), Seen(), None) == ()
    assert rules(model_objections(asked, model(study, moved=20.1), Seen(), None)) == ["step"]


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        ("fill", 0, 111.0),
        ("fill", 1, -0.1),
        ("center", 0, 59.0),
        ("spread", 0, 46.1),
        ("spread", 0, 0.0),
        ("spread", 2, -0.1),
        ("spread", 1, np.nan),
        ("fill", 1, np.inf),
    ],
)
def test_a_scaling_that_no_cohort_can_have_is_refused(name, column, value):
    study, odd = newton(), {key: values.copy() for key, values in scaling().tensors.items()}
    odd[f"scale.{name}"][column] = value
    bad = replace(model(study), scaling=Scaling.from_tensors(odd))

    found = model_objections(task(study, 1, "newton"), bad, Seen(), None)

    assert rules(found) == ["scaling"]


def test_the_scaling_never_changes_between_rounds():
    study = newton()
    seen = Seen().after(task(study, 1, "newton"))
    other = replace(scaling(), spread=scaling().spread * 1.01)

    found = model_objections(
        task(study, 2, "newton", B), replace(model(study), scaling=other), seen, model(study)
    )

    assert rules(found) == ["scaling"]


def served(**server: object) -> Study:
    study = fedavg()
    plan = study.plan.model_copy(update={"server": ServerOptimiser(**server)})  # type: ignore[arg-type]
    return study.model_copy(update={"plan": plan})


def test_the_bounds_of_the_four_ways_are_those_worked_out_by_hand():
    # clip is 10 in all of them
    assert largest_step(newton(), 4) == 10.0
    assert largest_step(served(lr=0.5), 4) == 5.0
    momentum = served(name="momentum", lr=0.5, momentum=0.8)
    assert largest_step(momentum, 4) == pytest.approx(25.0)
    # b1 = 0.9, b2 = 0.99: (1 - b1) / sqrt(0.01 * (1 - 0.81 / 0.99)) = 0.1 / 0.0426401
    adam = served(name="adam", lr=0.1, momentum=0.9, beta2=0.99, epsilon=1e-3)
    assert largest_step(adam, 4) == pytest.approx(0.1 * 2 * 2.345208)
    wide = served(name="adam", lr=0.1, momentum=0.9, beta2=0.99, epsilon=1.0)
    assert largest_step(wide, 10**6) == pytest.approx(1.0)
    slow = served(name="adam", lr=0.1, momentum=0.99, beta2=0.9, epsilon=0.1)
    assert largest_step(slow, 4) == pytest.approx(0.1 * 10 / 0.1)


@given(
    name=st.sampled_from(["none", "momentum", "adam", "yogi", "adagrad"]),
    seed=st.integers(0, 2**16),
    beta=st.sampled_from([0.0, 0.5, 0.9, 0.97]),
    sparse=st.booleans(),
)
def test_no_hub_that_keeps_to_the_terms_moves_further_than_the_bound(name, seed, beta, sparse):
    study = served(name=name, lr=0.3, momentum=beta)
    draw, size = np.random.default_rng(seed), 5
    state = server_opt.init(study.plan.server, size)
    at = draw.normal(size=size).astype(np.float32)
    for _ in range(12):
        update = draw.normal(size=size) * draw.choice([1e-3, 1.0, 1e3])
        if sparse:
            update *= draw.random(size) < 0.3
        norm = np.linalg.norm(update)
        if norm > study.privacy.clip:
            update *= study.privacy.clip / norm
        state, after = server_opt.step(study.plan.server, state, at, update.astype(np.float32))
        assert np.linalg.norm(after - at) <= largest_step(study, size) * SLACK
        at = after


def test_a_control_that_no_updates_add_up_to_is_refused():
    swapped = FEDAVG.replace('strategy = "fedavg"', 'strategy = "scaffold"')
    study = parse(swapped)
    start = initial(study, scaling())
    bound = study.privacy.clip / (study.plan.local_epochs * study.plan.lr)

    def told(length: float) -> Model:
        control = np.zeros_like(start.parameters)
        control[0] = length
        return replace(start, control=control)

    def found(round_no: int, length: float) -> list[str]:
        asked = task(study, round_no, "train")
        return rules(model_objections(asked, told(length), Seen(), None))

    assert found(1, 0.0) == []
    assert found(1, 0.1) == ["control"]
    assert found(2, bound) == []
    assert found(2, bound * 1.01) == ["control"]
    assert found(2, float("nan")) == ["control"]


def reporting() -> Study:
    """Three averaged rounds, and a report at the end."""
    return parse(FEDAVG + "\n[report]\n")


def test_a_report_is_asked_once_about_a_model_of_a_finished_round_and_nothing_follows():
    study = reporting()
    seen = Seen().after(task(study, 1, "train")).after(task(study, 1, "evaluate", B))
    seen = seen.after(task(study, 2, "train", B)).after(task(study, 2, "evaluate", A))

    assert rules(task_objections(task(study, 1, "report", B), study, seen)) == []
    assert rules(task_objections(task(study, 1, "report", A), study, seen)) == ["once"]
    assert rules(task_objections(task(study, 2, "report", B), study, seen)) == ["once", "once"]
    assert rules(task_objections(task(study, 1, "report", None), study, seen)) == [
        "model",
        "once",
    ]
    told = seen.after(task(study, 1, "report", B))
    assert known(task(study, 1, "report", B), told)
    assert rules(task_objections(task(study, 2, "report", A), study, told)) == ["order"]
    assert rules(task_objections(task(study, 3, "train", A), study, told)) == ["order"]


def test_a_study_without_a_report_is_not_asked_for_one():
    asked = task(fedavg(), 1, "report")

    assert rules(task_objections(asked, fedavg(), Seen())) == ["kind"]


def test_the_model_of_a_report_may_be_one_that_was_passed_on_the_way_and_no_other():
    study = reporting()
    seen = Seen(age=3, model=A)
    step = largest_step(study, model(study).parameters.size)
    there = model(study, moved=3 * step)

    asked = task(study, 1, "report", B)
    assert model_objections(asked, model(study, moved=step), seen, there) == ()
    far = model_objections(asked, model(study, moved=-step), seen, there)
    assert rules(far) == ["step"]


@pytest.mark.parametrize(
    ("target", "recipe"),
    [
        ('type = "boolean"', 'name = "glm"'),
        (MEASURED, 'name = "glm"\noptions = { family = "linear" }'),
        (MEASURED, 'name = "glm"\noptions = { family = "poisson" }'),
        (MEASURED, 'name = "describe"'),
        ('type = "boolean"', 'name = "combat"'),
        ('type = "time-to-event"\nhorizon = 900', 'name = "cox"'),
        ('type = "time-to-event"\nhorizon = 900', 'name = "km"\noptions = { width = 91 }'),
    ],
)
def test_the_first_question_of_every_statistical_recipe_is_let_in(target, recipe):
    complete = "[cohort]\ncomplete = true\n"
    study = study_of(numbers("a", "b"), target, recipe, complete)
    fill = np.zeros(2)
    start = initial(study, Scaling(center=fill, spread=np.ones(2), fill=fill))

    assert model_objections(task(study, 1, "sums"), start, Seen(), None) == ()


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_coefficients_that_are_no_numbers_are_refused_also_where_steps_have_no_bound(wrong):
    study = study_of(
        numbers("a", "b"), MEASURED, 'name = "glm"\noptions = { family = "linear" }'
    )
    fill = np.zeros(2)
    start = initial(study, Scaling(center=fill, spread=np.ones(2), fill=fill))
    seen = Seen().after(task(study, 1, "sums"))
    bad = replace(start, parameters=np.full_like(start.parameters, wrong))

    assert rules(model_objections(task(study, 2, "sums", B), bad, seen, start)) == ["step"]


ASKS = parse(f'{FEDAVG}[report]\n[evaluation]\nthreshold = "youden"\n')


@pytest.mark.parametrize(
    ("study", "kind", "edge", "says"),
    [
        (ASKS, "report", 103, None),
        (ASKS, "report", None, None),
        (ASKS, "report", 257, "the threshold 257 is not in 0 to 256"),
        (ASKS, "train", 103, "train comes with a threshold"),
        (fedavg(), "evaluate", 103, "evaluate comes with a threshold"),
    ],
)
def test_a_threshold_comes_with_a_report_that_tells_of_it_and_with_nothing_else(
    study, kind, edge, says
):
    asked = replace(task(study, 1, kind), edge=edge)

    found = [each.says for each in task_objections(asked, study, Seen()) if "edge" in each.rule]

    assert bool(found) == (says is not None)
    assert says is None or found[0].startswith(says)
