"""What only one machine can compare with: pooled training, and every site alone.

The same recipe, schedule, number of passes and selection rule as the federated study; only
the data that a model sees differ. Pooled exists here because a simulation holds all rows.
In a real federation records stay at the sites and it is reported as not computed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import columns, inputs
from modelward.core.study import Study
from modelward.evaluate import binned
from modelward.evaluate.predictions import Predictions
from modelward.hub.round import better
from modelward.hub.strategy import l2_of
from modelward.learn import newton, sgd
from modelward.learn.steps import NO_PULL
from modelward.readers.cohort import Cohort
from modelward.recipes.catalogue import recipe
from modelward.site.answer import examples
from modelward.study.answers import SCORE_BINS
from modelward.study.model import Model, initial
from modelward.study.outcome import chances
from modelward.study.scaling import from_sums, local_sums

UNBOUNDED = 64.0
"""A bound is about what leaves a site; nothing leaves here, and `descend` does not clip."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A comparison model, or why there is none.

    Attributes:
        model: None where nothing can be fitted.
        reason: Why not, in words; empty with a model.
    """

    model: Model | None
    reason: str = ""


def together(cohorts: Mapping[str, Cohort]) -> Cohort:
    """Return all sites' units as one cohort, in the order of the sites' names."""
    parts = [cohorts[site] for site in sorted(cohorts)]
    return Cohort(
        x=np.concatenate([part.x for part in parts]),
        y=np.concatenate([part.y for part in parts]),
        folds=np.concatenate([part.folds for part in parts]),
        amount=_joined([part.amount for part in parts]),
        masks=_joined([part.masks for part in parts]),
    )


def _joined(parts: Sequence[NDArray[Any] | None]) -> NDArray[Any] | None:
    """Return what all sites know in one array; None where they know none."""
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if len(known) == len(parts) and known else None


def fit(study: Study, cohort: Cohort, name: str) -> Fitted:
    """Train `study`'s recipe centrally on one cohort.

    Args:
        study: Recipe, plan and stop rule.
        cohort: What it is trained on; scaling comes from its own training units.
        name: Part of the seed of its batches; `pooled`, or a site's name.
    """
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
    return Fitted(_descend(study, cohort, start, name))


def _descend(study: Study, cohort: Cohort, start: Model, name: str) -> Model:
    """Return the model after as many passes as the federated study makes."""
    training = examples(cohort, "train", start)
    trained = recipe(study.recipe)
    metric = study.stop.metric if cohort.count("validation") else None
    flat, kept, best = start.parameters.copy(), start.parameters, np.nan
    for round_no in range(1, study.plan.rounds + 1):
        terms = sgd.LocalTerms.of(study.plan, clip=UNBOUNDED, round_no=round_no, site=name)
        terms = replace(terms, pull=NO_PULL)  # to a model that does not exist here
        sgd.descend(trained, flat, training, terms, inputs(study))
        value = np.nan
        if metric is not None:
            held_back = examples(cohort, "validation", start)
            _, y = cohort.fold("validation")
            value = _score(metric, y, chances(study, flat, held_back.x))
        if metric is None or better(metric, value, best) or np.isnan(best):
            kept, best = flat.copy(), value
    return Model(study, kept, start.scaling)


def _score(metric: str, y: NDArray[np.int8], p: NDArray[np.float64]) -> float:
    """Return the figure by which the federated study chooses its round as well."""
    counts = binned.histogram(Predictions.of(y, p), SCORE_BINS)
    figures = {"auc": binned.auc, "accuracy": binned.accuracy, "loss": binned.loss}
    found = figures[metric](counts)
    return np.nan if found is None else found.value
