"""How a study was run, as its report repeats it; the same deployed and simulated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from modelward.core.columns import columns, inputs, summed_columns
from modelward.core.study import Study
from modelward.evaluate.comparing.kept_round import said
from modelward.evaluate.facts.deviation import deviations
from modelward.evaluate.facts.record import Curve, RunFacts, StudyFacts, facts_of
from modelward.hub.round import RoundRecord
from modelward.learn.group import numeric_path
from modelward.privacy.masks.coded import Code
from modelward.recipes.catalogue import recipe
from modelward.study.answers import answer_to
from modelward.study.method import beside, method, robust_rule

Histories = Mapping[str, Sequence[RoundRecord]]
"""Rounds by name, `federated` first and its variants after it."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a study ended.

    Attributes:
        reason: Why, in words.
        kept: Round whose model is kept.
        seconds: Over all rounds.
        sha256: Hash of the kept model.
    """

    reason: str
    kept: int
    seconds: float
    sha256: str


def study_facts(study: Study) -> StudyFacts:
    """Return the terms, and how the study trained."""
    plan = study.plan
    combined = "federated averaging"
    if plan.robust is not None:
        combined = robust_rule(plan.robust)
    server = "" if plan.server.name == "none" else f", {plan.server.name} at the hub"
    skew = "" if plan.label_skew == "none" else ", logit adjustment for label skew"
    return facts_of(study, _words(study, f"{combined}{server}{skew}") + beside(study))


def run_facts(study: Study, ended: Ended, histories: Histories, sites: int) -> RunFacts:
    """Return what happened.

    Args:
        study: What was run.
        ended: How it ended.
        histories: Its rounds.
        sites: How many took part.
    """
    history, metric = histories["federated"], study.stop.metric
    curves = tuple(
        Curve(
            model=name,
            metric=f"validation {'AUC' if metric == 'auc' else metric}",
            values=tuple(defined(r.metrics.get(metric)) for r in each),
        )
        for name, each in histories.items()
        if metric is not None
    )
    return RunFacts(
        rounds=len(history),
        seconds=round(ended.seconds, 3),
        model_sha256=ended.sha256,
        ended=f"{ended.reason}; the model of round {ended.kept} is kept"
        f"{_chosen(study, history)}{_cut(study, history)}",
        scaling=_scaling(study),
        numeric_path=_numeric_path(study, sites),
        versions={
            name: found for name in ("modelward", "numpy", "torch") if (found := _version(name))
        },
        curves=curves,
        deviations=deviations([each.deviations for each in history]),
    )


def _chosen(study: Study, history: Sequence[RoundRecord]) -> str:
    """Return what chose the round in the place of the watched figure, in a clause."""
    metric = study.stop.metric
    words = "" if metric is None else said(metric, [each.metrics for each in history])
    return f" {words}" if words else ""


def _cut(study: Study, history: Sequence[RoundRecord]) -> str:
    """Return how many values were beyond the range of a code behind masks, in a clause."""
    code = Code.of(study, "train")
    if code is None:
        return ""
    size = answer_to(study, "train")[1].size
    values = size * sum(len(each.released) for each in history)
    cut = sum(each.clipped for each in history)
    return f"; of {values:,} values of coded updates {cut:,} were cut to the study's range"


def _words(study: Study, averaged: str) -> str:
    """Return how the study trained; `averaged` says it for plain averaging."""
    plan = study.plan
    if plan.strategy == "newton":
        return "exact Newton steps on federated sums"
    if plan.strategy == "fedavg" and plan.local is None and plan.label_skew != "class-weights":
        return averaged
    return method(study)


def _scaling(study: Study) -> str:
    if not columns(study):
        return "none"
    if not summed_columns(study):
        return "the study's ranges, which depend on no patient"
    noised = "noised " if study.privacy.dp else ""
    return f"global z-scores from {noised}federated sums, frozen into the model"


def _numeric_path(study: Study, sites: int) -> str:
    if study.plan.strategy in {"newton", "boosting"} or study.recipe.name == "logistic":
        return "numpy float64; exact integer sums on the grid of 2^-40"
    path = numeric_path(recipe(study.recipe), inputs(study), sites)
    return f"torch float32, one thread a worker, {path}; integer sums on the grid of 2^-24"


def defined(value: float | None) -> float | None:
    """Return a figure, None where it has no value (NaN)."""
    return None if value is None or value != value else value  # noqa: PLR0124 - NaN


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
