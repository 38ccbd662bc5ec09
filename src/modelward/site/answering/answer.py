"""What a site computes for a task. Pure: study, task, model and cohort in, tensors out.

Nothing here decides whether the result may leave; that is the gate's business.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.aggregate.fixed_point import to_grid
from modelward.core.columns import columns, inputs
from modelward.core.study import Study
from modelward.core.task import LOOKS_AT, Task
from modelward.core.tensors import NUMPY, FlatF32, Tensors
from modelward.evaluate.measures.binned import histogram
from modelward.evaluate.predictions import Predictions
from modelward.learn import device, newton, sgd
from modelward.learn.examples import Examples
from modelward.readers.cohort import Cohort, Fold
from modelward.recipes.analysis import Observed
from modelward.recipes.catalogue import recipe, summing
from modelward.site.answering import alone, own_round, private_answer
from modelward.site.answering.by_content import ordered
from modelward.site.answering.folds import answerable, examples
from modelward.site.budget.spending import Booked
from modelward.study.answers import answer_to, score_bins
from modelward.study.model import Model, parameter_schema
from modelward.study.outcome import chances
from modelward.study.own import update_schema
from modelward.study.scaling import local_sums


@dataclass(frozen=True, slots=True, eq=False)
class Computed:
    """The result of a task, before the gate has seen it.

    Attributes:
        tensors: As study/answers.py describes for the task's kind.
        patients: Units behind it: training units, or validation units for `evaluate`.
        kept: What stays at the site for its next round (study/own.py); empty if nothing does.
    """

    tensors: Tensors
    patients: int
    kept: Tensors = field(default_factory=dict)


def compute(
    task: Task,
    study: Study,
    model: Model | None,
    cohort: Cohort,
    site: str,
    booked: Booked | None = None,
) -> Computed:
    """Return the result of `task` on `cohort`.

    Args:
        task: What is asked.
        study: The study it belongs to.
        model: The model that `task.model` names, with what the site kept before; None for
            statistics.
        cohort: The site's units.
        site: The site's name; part of the seed of its batches.
        booked: What the budget allows; needed under differential privacy.

    Raises:
        TrainingFailed: If training diverges.
    """
    everybody = cohort.count(LOOKS_AT.get(task.kind, "train"))
    if study.plan.strategy != "sums":
        cohort = answerable(study, cohort)
    if study.privacy.dp is not None or task.kind == "readiness":
        return _privately(task, (study, model), cohort, (booked, site), everybody)
    if model is None:
        x, _ = cohort.fold("train")
        sums = local_sums(x, columns(study))
        return Computed(_on_grid(sums), cohort.count("train"))
    if task.kind in LOOKS_AT:
        return (
            _evaluate(model, cohort)
            if task.kind == "evaluate"
            else _told(model, cohort, site, task.edge)
        )
    if not cohort.count("train"):
        return nobody(study, task)
    if task.kind in {"newton", "sums"}:
        return _slope(model, cohort) if task.kind == "newton" else _analysed(model, cohort)
    training, named = ordered(study, examples(cohort, "train", model), site)
    terms = own_round.terms_of(study, task.round_no, named)

    def run(start: FlatF32, terms: sgd.LocalTerms) -> FlatF32:
        return device.train(recipe(study.recipe), start, training, terms, inputs(study))

    steps = terms.steps_over(len(training.y))
    return _offered(study, own_round.train(model, training, terms, run, steps), training)


def _offered(study: Study, trained: own_round.Trained, training: Examples) -> Computed:
    tensors = update_schema(study).split(trained.update)
    return Computed(tensors, len(training.y), trained.kept)


def _privately(
    task: Task,
    asked: tuple[Study, Model | None],
    cohort: Cohort,
    paid: tuple[Booked | None, str],
    units: int,
) -> Computed:
    """Return the result of `task` as private_answer.py draws it; of nobody if not booked.

    Args:
        task: What is asked.
        asked: Its study, and its model.
        cohort: The units that can be answered for.
        paid: What was booked, and the site's name.
        units: All of the fold, which is public. How many of them left early, so that nobody
            knows their yes or no, is a figure about patients: it is told to nobody.
    """
    (study, model), (booked, site) = asked, paid
    if booked is None or not cohort.count(LOOKS_AT.get(task.kind, "train")):
        return nobody(study, task)
    if task.kind == "readiness":
        stated = private_answer.statement(task, study, cohort, booked)
        return Computed(_on_grid(stated), len(cohort.y))
    if model is None:
        return Computed(_on_grid(private_answer.statistics(study, cohort, booked)), units)
    if task.kind == "evaluate":
        held_back = examples(cohort, "validation", model)
        found = private_answer.counts(task, model, held_back, cohort, booked)
        return Computed(_on_grid({"counts": found}), units)
    if task.kind == "report":
        test = examples(cohort, "test", model)
        told = private_answer.report(task, model, test, cohort, booked)
        return Computed(_on_grid(told), units)
    training = examples(cohort, "train", model)
    run = partial(private_answer.update, task, model, training, (cohort, booked))
    terms = own_round.terms_of(study, task.round_no, site)
    steps = 1 if booked.event is None else booked.event.steps
    return _offered(study, own_round.train(model, training, terms, run, steps), training)


def observed(cohort: Cohort, fold: Fold, model: Model) -> Observed:
    """Return one fold as a statistical recipe sees it."""
    raw, y = cohort.fold(fold)
    x = raw if model.scaling is None else model.scaling.apply(raw)
    return Observed(raw=raw, x=x, y=y, amount=cohort.amounts(fold))


def _slope(model: Model, cohort: Cohort) -> Computed:
    """Return gradient, Hessian and loss of a logistic regression at the model."""
    training = examples(cohort, "train", model)
    found = newton.sums(model.parameters, training.x, training.y)
    named = {
        "gradient": found.gradient,
        "hessian": found.hessian,
        "loss": np.array([found.loss]),
    }
    return Computed(_on_grid(named), len(training.y))


def _analysed(model: Model, cohort: Cohort) -> Computed:
    """Return what a recipe that is computed from sums asks of the site's units."""
    study = model.study
    named = summing(study.recipe).local(
        study,
        parameter_schema(study).split(model.parameters),
        observed(cohort, "train", model),
        observed(cohort, "test", model),
    )
    return Computed(_on_grid(named), cohort.count("train"))


def nobody(study: Study, task: Task, patients: int = 0) -> Computed:
    """Return zeros of too few, which every gate refuses: the round goes on with the others."""
    schema = answer_to(study, task.kind)[1]
    return Computed({s.name: np.zeros(s.shape, NUMPY[s.dtype]) for s in schema}, patients)


def _evaluate(model: Model, cohort: Cohort) -> Computed:
    """Count validation units per bin of predicted probability."""
    study = model.study
    if not cohort.count("validation"):
        return Computed({"counts": np.zeros((2, score_bins(model.study)))}, 0)
    held_back = examples(cohort, "validation", model)
    p = chances(study, own_round.with_own_layers(model), held_back.x)
    _, y = cohort.fold("validation")
    counts = histogram(Predictions.of(y, p), score_bins(study))
    return Computed({"counts": counts.astype(np.float64)}, len(held_back.y))


def _told(model: Model, cohort: Cohort, site: str, edge: int | None) -> Computed:
    """Return what is told of the test units when the study has ended."""
    return Computed(alone.told(model, cohort, site, edge), cohort.count("test"))


def _on_grid(named: dict[str, NDArray[Any]]) -> Tensors:
    """Round sums to the grid on which the hub adds them exactly."""
    return {name: to_grid(values) for name, values in named.items()}
