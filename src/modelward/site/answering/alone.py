"""What a site can do alone: a model on its own units, and how the federated one compares.

    fit     the study's recipe on one cohort: same schedule, passes and selection rule
    told    both models on the site's test units, as far as the study lets it be told

The model is trained where the units are and stays there. The same at a hospital, in its
isolated trainer, and in a simulation.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import columns, inputs
from modelward.core.reporting import Reporting
from modelward.core.study import Study
from modelward.core.tensors import Tensors
from modelward.evaluate.comparing.kept_round import kept_round, said
from modelward.evaluate.groups.acting import by_side
from modelward.evaluate.groups.by_group import of_enough_patients, site_row
from modelward.evaluate.measures import binned
from modelward.evaluate.patients import Patients, patients_of, several
from modelward.evaluate.predictions import Predictions, part
from modelward.evaluate.told.site_figures import Alike, encode
from modelward.learn import boosting, newton, sgd
from modelward.learn.newton import l2_of
from modelward.learn.steps import NO_PULL
from modelward.readers.cohort import Cohort
from modelward.recipes.catalogue import recipe
from modelward.site.answering.folds import answerable, examples
from modelward.site.answering.own_round import with_own_layers
from modelward.study.answers import SCORE_BINS
from modelward.study.judging import members
from modelward.study.model import Model, initial
from modelward.study.outcome import chances
from modelward.study.report_answer import ACTING, acts, report_schema, told_groups
from modelward.study.scaling import from_sums, local_sums

UNBOUNDED = 64.0
"""A bound is about what leaves a site; nothing leaves here, and `descend` does not clip."""


NOBODY_HELD_BACK = "as the last, as it has no validation units"
"""What is said where nothing can choose a round."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A comparison model, or why there is none.

    Attributes:
        model: None where nothing can be fitted.
        reason: Why not, in words; empty with a model.
        chosen: What chose its round in the place of the watched figure, in words; empty where
            that figure did, or nothing is watched.
    """

    model: Model | None
    reason: str = ""
    chosen: str = ""


def fit(study: Study, cohort: Cohort, name: str) -> Fitted:
    """Train `study`'s recipe centrally on one cohort.

    Args:
        study: Recipe, plan and stop rule.
        cohort: What it is trained on; scaling comes from its own training units.
        name: Part of the seed of its batches; `pooled`, or a site's name.
    """
    cohort = answerable(study, cohort)
    x, y = cohort.fold("train")
    if len(np.unique(y)) < 2:  # noqa: PLR2004 - an outcome has two classes
        which = "have" if len(y) and y[0] else "are without"
        return Fitted(None, f"all {len(y)} training patients {which} the outcome")
    shape = columns(study)
    scaling = from_sums(local_sums(x, shape), shape) if shape else None
    start = initial(study, scaling)
    if study.plan.strategy == "newton":
        training = examples(cohort, "train", start)
        found = newton.fit(training.x, training.y, l2_of(study))
        return Fitted(Model(study, found.beta, scaling))
    if study.plan.strategy == "boosting":
        return _kept(study, cohort, _grown(study, cohort, start), start)
    return _kept(study, cohort, _descend(study, cohort, start, name), start)


def _kept(study: Study, cohort: Cohort, passes: Iterator[NDArray[Any]], start: Model) -> Fitted:
    """Return the model after the pass that is kept, by the rule of the federated study."""
    metric = study.stop.metric
    if metric is not None and not cohort.count("validation"):
        return Fitted(_last(passes, start), chosen=NOBODY_HELD_BACK)
    if metric is None:
        return Fitted(_last(passes, start))
    kept, seen = start, list[Mapping[str, float]]()
    for parameters in passes:
        seen.append(_of_validation(replace(start, parameters=parameters), cohort))
        if kept_round(metric, seen) == len(seen):
            kept = replace(start, parameters=parameters.copy())
    return Fitted(kept, chosen=said(metric, seen))


def _last(passes: Iterator[NDArray[Any]], start: Model) -> Model:
    flat = start.parameters
    for parameters in passes:
        flat = parameters
    return replace(start, parameters=flat)


def _grown(study: Study, cohort: Cohort, start: Model) -> Iterator[NDArray[Any]]:
    """Yield the trees after each round; small cells stay here, so all are used."""
    training = examples(cohort, "train", start)
    return boosting.grow(study, start.parameters, training, study.plan.rounds)


def _descend(study: Study, cohort: Cohort, start: Model, name: str) -> Iterator[NDArray[Any]]:
    """Yield the parameters, changed in place, after each of the federated study's passes."""
    training = examples(cohort, "train", start)
    trained, flat = recipe(study.recipe), start.parameters.copy()
    for round_no in range(1, study.plan.rounds + 1):
        terms = sgd.LocalTerms.of(study.plan, clip=UNBOUNDED, round_no=round_no, site=name)
        terms = replace(terms, pull=NO_PULL)  # to a model that does not exist here
        sgd.descend(trained, flat, training, terms, inputs(study))
        yield flat


def _of_validation(model: Model, cohort: Cohort) -> dict[str, float]:
    """Return the figures by which the federated study chooses its round as well."""
    held_back = examples(cohort, "validation", model)
    _, y = cohort.fold("validation")
    p = chances(model.study, model.parameters, held_back.x)
    return binned.figures(binned.histogram(Predictions.of(y, p), SCORE_BINS))


def told(model: Model, cohort: Cohort, site: str, edge: int | None = None) -> Tensors:
    """Return what the site tells of its test units; zeros of nobody where it has none.

    Args:
        model: The kept model of the study, with what the site kept of its own.
        cohort: The site's units.
        site: Its name; part of the seeds.
        edge: The validation bin from which on a probability counts as a yes; None if none was
            chosen.

    Raises:
        TrainingFailed: If its own training diverges.
    """
    study = model.study
    if study.report is None or not cohort.count("test"):
        return {spec.name: np.zeros(spec.shape) for spec in report_schema(study)}
    federated = predicted(replace(model, parameters=with_own_layers(model)), cohort)
    groups = {**_in_groups(study, cohort, federated), **_acting(study, federated, edge)}
    fitted = fit(study, cohort, site)
    if fitted.model is not None:
        return {**groups, **encode(site, federated, predicted(fitted.model, cohort), study)}
    _, labels = cohort.fold("train")
    share = float(labels.mean()) if len(labels) else 0.5
    constant = replace(federated, probability=np.full(len(federated), share))
    return {**groups, **encode(site, federated, constant, study, alike_of(labels))}


def _acting(study: Study, federated: Predictions, edge: int | None) -> Tensors:
    """Return the units on either side of the chosen threshold; of nobody if none was."""
    if not acts(study):
        return {}
    if edge is None:
        return {ACTING: np.zeros((2, 2))}
    return {ACTING: by_side(federated, edge / SCORE_BINS).astype(np.float64)}


def _in_groups(study: Study, cohort: Cohort, federated: Predictions) -> Tensors:
    """Return a row for every level of the groups that are told."""
    x, _ = cohort.fold("test")
    decimals = (study.report or Reporting()).decimals
    rows = [
        site_row(part(federated, (level == at) & shown[at]), decimals)
        for grouping in told_groups(study)
        for level in [members(study, grouping, x)]
        for shown in [of_enough_patients(federated, level, len(grouping.levels))]
        for at in range(len(grouping.levels))
    ]
    return {"groups": np.stack(rows)} if rows else {}


def predicted(model: Model, cohort: Cohort) -> Predictions:
    """Return a model's probabilities on the test units, in the order of the data."""
    test = examples(cohort, "test", model)
    _, y = cohort.fold("test")
    p = chances(model.study, model.parameters, test.x)
    return Predictions.of(y, p, cohort.owners("test"))


def trained_patients(cohort: Cohort) -> Patients | None:
    """Return whose training units these are; None where each unit is its own patient."""
    owner, (_, y) = cohort.owners("train"), cohort.fold("train")
    return patients_of(y == 1, owner) if several(owner) else None


def alike_of(labels: NDArray[np.int8]) -> Alike:
    """Return whether all training units have, or do not have, the outcome."""
    if not len(labels) or len(np.unique(labels)) > 1:
        return ""
    return "have" if labels[0] else "do not have"
