"""What is asked of a finished simulation beyond the figures of every model.

Groups come from the test units' own columns, the threshold from the round that was kept, the
sites left out from models that were trained without them (left_out.py), contributions from
the statement that the study's rule leads to. evaluate/judged.py brings it together.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np

from modelward.core.study import Study
from modelward.evaluate.comparing.bound_cost import BoundCost, bound_cost
from modelward.evaluate.comparing.verdict import Verdict
from modelward.evaluate.facts.cost import Cost, SiteCost
from modelward.evaluate.groups.subgroups import Divided
from modelward.evaluate.judged import (
    Away,
    Evaluation,
    Judged,
    Rules,
    Share,
    away,
    evaluate,
)
from modelward.hub import shares as statements
from modelward.hub.by_steps import steps_of
from modelward.hub.followed import paths_of, threshold_of
from modelward.hub.registry import Registry
from modelward.hub.round import RoundRecord
from modelward.hub.run import Outcome
from modelward.hub.standing import AnswerRow
from modelward.readers.cohort import FOLDS, Cohort
from modelward.simulation.folder import RunFolder
from modelward.simulation.own_models import own_models
from modelward.simulation.predicted import Models, predicted
from modelward.simulation.spread import aside
from modelward.simulation.training import How
from modelward.simulation.worth import validated
from modelward.study.judging import groupings, members
from modelward.study.model import Model, model_schema
from modelward.study.own import LAYERS

SEED = 2026
"""Of the resamples."""

WHOLE = {"newton", "boosting"}
"""Strategies whose round is one sum over all units."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Means:
    """A finished run, and what was trained beside it.

    Attributes:
        folder: Where it lies.
        how: Means that were used, and are.
        answers: What the hub got for the study.
        left_out: Site -> model that all the others trained; empty where nobody asked.
        unbounded: How the study ended without differential privacy; None where nobody asked.
    """

    folder: RunFolder
    how: How
    answers: list[AnswerRow]
    left_out: Mapping[str, Model] = field(default_factory=dict)
    unbounded: Outcome | None = None


def evaluation(
    means: Means,
    models: Models,
    judged: Judged,
    verdicts: tuple[Verdict, ...],
    outcome: Outcome,
) -> Evaluation:
    """Return the evaluation of a run."""
    study, tested = models.study, models.tested
    threshold, rule = threshold_of(study, outcome.history, outcome.kept_round)
    rules = Rules(
        threshold=threshold,
        rule=rule,
        margin=study.evaluation.margin if study.evaluation is not None else None,
        divisions=_divisions(study, tested),
        seed=SEED,
    )
    worth, shares = _shares(means.folder, study)
    return replace(
        evaluate(judged, verdicts, rules, aside(means.how, f"{study.id}: comparing")),
        away=_away(means.left_out, judged, tested),
        paths=paths_of(outcome.history),
        worth=worth,
        shares=shares,
        cost=_cost(means, models, outcome),
    )


def bound_cost_of(means: Means, models: Models, judged: Judged) -> BoundCost | None:
    """Return what differential privacy costs; None where the study asks for no comparison."""
    free = means.unbounded
    if free is None:
        return None
    study, personal = free.model.study, models.study.plan.personal
    own = {}
    if personal is not None and personal.kind in LAYERS:
        work = aside(means.how, f"{study.id}: own models without the bound")
        own = own_models(means.folder.sites, study, free, models.tested, work)
    return bound_cost(
        free.sha256,
        judged["federated"],
        {
            site: predicted(own.get(site, free.model), cohort, "test")
            for site, cohort in models.tested.items()
        },
        _divisions(models.study, models.tested),
    )


def _divisions(study: Study, tested: Mapping[str, Cohort]) -> tuple[Divided, ...]:
    return tuple(
        Divided(
            name=grouping.name,
            levels=grouping.levels,
            members={
                site: members(study, grouping, cohort.fold("test")[0])
                for site, cohort in tested.items()
            },
            edges=grouping.edges,
        )
        for grouping in groupings(study)
    )


def _away(
    left_out: Mapping[str, Model], judged: Judged, tested: Mapping[str, Cohort]
) -> tuple[Away, ...]:
    return tuple(
        away(
            site,
            predicted(left_out[site], cohort, "test"),
            judged["federated"][site],
            np.random.default_rng([SEED, 6]),
        )
        for site, cohort in tested.items()
        if site in left_out
    )


def _shares(folder: RunFolder, study: Study) -> tuple[str, tuple[Share, ...]]:
    """Return how contributions were measured and what they are, where the study asked."""
    if study.sharing is None or study.sharing.rule != "contribution":
        return "", ()
    stores = {site: folder.sites / site / "outbox" for site in folder.site_names()}
    with closing(Registry(folder.hub)) as registry:
        said = statements.statement(registry, study, stores, validated(folder, study))
    return statements.shown(said)


def _cost(means: Means, models: Models, outcome: Outcome) -> Cost:
    """Return what the study cost; the left-out sites' studies are not in it."""
    study = models.study
    bundle = model_schema(study).nbytes
    sites = []
    for site, cohort in models.tested.items():
        rounds, each = (
            trained_in(outcome.history, site),
            looked_at(study, cohort.count("train")),
        )
        own = [answer for answer in means.answers if answer.site == site]
        sent = sum(a.bytes or 0 for a in own if a.decision == "released")
        asked = sum(answer.round_no > 0 for answer in own)
        sites.append(
            SiteCost(
                site=site,
                sent=sent,
                received=asked * bundle,
                answers=len(own),
                looked_at=rounds * each,
                records=_records(cohort),
            )
        )
    return Cost(
        sites=tuple(sites),
        seconds=round(outcome.seconds, 3),
        cores=min(means.how.count, len(sites)),
    )


def trained_in(history: Sequence[RoundRecord], site: str) -> int:
    """Return the rounds that a site trained in, refused ones among them."""
    return sum(site in {*each.released, *each.refused} for each in history)


def looked_at(study: Study, units: int) -> int:
    """Return how often units are looked at in one round of a site with so many to train on."""
    plan, dp = study.plan, study.privacy.dp
    if plan.strategy in WHOLE:
        return units
    if dp is not None:
        return round(steps_of(study, units) * dp.sampling * units)
    if plan.local is not None and plan.local.steps is not None:
        return plan.local.steps * min(plan.batch, units)
    return plan.local_epochs * units


def _records(cohort: Cohort) -> int:
    """Return the bytes of a site's units as arrays, outcomes included."""
    folds = np.isin(cohort.folds, list(FOLDS.values()))
    return int(cohort.x[folds].nbytes + cohort.y[folds].nbytes)
