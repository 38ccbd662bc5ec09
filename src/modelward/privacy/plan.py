"""What a study under differential privacy does to patients, and how much noise that takes.

Computed from the signed study alone, before anything starts, and the same at every site:

    statistics   once, on training units: sums for scaling, and the number of positives
                 where labels are adjusted; one noised sum of everybody
    training     rounds * steps, on training units: noised sums over Poisson samples
    metrics      rounds, on validation units: noised counts of everybody
    report       once, on test units: noised counts of everybody

A patient is in training, in validation or in the test (readers/cohort.py), never in two, so
each of the groups may cost the study's epsilon. Statistics get a share of it, training what
that leaves: noise is the least multiple of 1/1000 with which both together keep within.

Nothing here depends on a site's data, not even on how many units it has.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil
from typing import Literal

from modelward.core.columns import summed_columns
from modelward.core.study import Plan, Study
from modelward.core.task import TaskKind
from modelward.errors import BadPrivacyTerms
from modelward.privacy.accounting import Event
from modelward.privacy.fitting import noise_for

STATISTICS_SHARE = 0.1
"""Share of epsilon that the statistics may cost alone."""

Group = Literal["train", "validation", "test"]
"""Patients who are charged alike."""

GROUP: Mapping[TaskKind, Group] = {
    "statistics": "train",
    "train": "train",
    "evaluate": "validation",
    "report": "test",
}
"""Whose data the answer to a task is computed from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyPlan:
    """The events of one study at one site.

    Attributes:
        statistics: Once; None where nothing is summed but public numbers of units.
        training: Of one round.
        metrics: Of one round; None where no metric is watched.
        report: Once; None where no report is asked for.
        rounds: At most.
    """

    statistics: Event | None
    training: Event
    metrics: Event | None
    report: Event | None
    rounds: int

    def of(self, kind: TaskKind) -> Event | None:
        """Return what one answer to a task of `kind` does; None if it is no look at anybody."""
        events: dict[TaskKind, Event | None] = {
            "statistics": self.statistics,
            "train": self.training,
            "evaluate": self.metrics,
            "report": self.report,
        }
        return events[kind]

    def whole(self, group: Group) -> tuple[Event, ...]:
        """Return all events of the study for a patient of `group`, what can shrink last."""
        once = () if self.statistics is None else (self.statistics,)
        each = (*once, _times(self.training, self.rounds))
        if group == "train":
            return each
        if group == "test":
            return () if self.report is None else (self.report,)
        return () if self.metrics is None else (_times(self.metrics, self.rounds),)


def plan_of(study: Study) -> PrivacyPlan:
    """Return the events of `study`; takes seconds when it is first asked in a process.

    Raises:
        BadPrivacyTerms: If the study asks for no bound, or no noise is enough for it.
    """
    dp = study.privacy.dp
    if dp is None:
        raise BadPrivacyTerms(
            f"study {study.id!r} asks for no differential privacy",
            why="only noise has a price in epsilon",
            remedy="give it a table [privacy.dp] with an epsilon; what leaves in a round"
            " without one says modelward study check",
        )
    return _plan(
        _Terms(
            epsilon=dp.epsilon,
            delta=dp.delta,
            sampling=dp.sampling,
            steps=_steps(study.plan, dp.sampling),
            rounds=study.plan.rounds,
            statistics=bool(summed_columns(study)) or adjusts_labels(study),
            metrics=study.stop.metric is not None,
            report=study.report is not None,
        )
    )


def adjusts_labels(study: Study) -> bool:
    """Return whether training needs the share of positives, which then is in the statistics."""
    return study.plan.label_skew != "none"


def _steps(plan: Plan, sampling: float) -> int:
    """Return the steps of a round that a plan names, or those of its passes."""
    if plan.local is not None and plan.local.steps is not None:
        return plan.local.steps
    return steps_per_round(plan.local_epochs, sampling)


def steps_per_round(epochs: int, sampling: float) -> int:
    """Return the steps in which a unit is taken `epochs` times on average, or a bit more."""
    return ceil(epochs / sampling - 1e-9)  # 1 / 0.1 and the like are whole


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """What of a study its plan depends on."""

    epsilon: float
    delta: float
    sampling: float
    steps: int
    rounds: int
    statistics: bool
    metrics: bool
    report: bool


@lru_cache(maxsize=64)
def _plan(terms: _Terms) -> PrivacyPlan:
    once: tuple[Event, ...] = ()
    metrics, report = None, None
    if terms.statistics:
        share = STATISTICS_SHARE * terms.epsilon
        once = (Event(1.0, noise_for(share, terms.delta, sampling=1.0, steps=1), 1),)
    noise = noise_for(
        terms.epsilon,
        terms.delta,
        sampling=terms.sampling,
        steps=terms.rounds * terms.steps,
        before=once,
    )
    if terms.metrics:
        shown = noise_for(terms.epsilon, terms.delta, sampling=1.0, steps=terms.rounds)
        metrics = Event(1.0, shown, 1)
    if terms.report:
        report = Event(1.0, noise_for(terms.epsilon, terms.delta, sampling=1.0, steps=1), 1)
    return PrivacyPlan(
        statistics=once[0] if once else None,
        training=Event(terms.sampling, noise, terms.steps),
        metrics=metrics,
        report=report,
        rounds=terms.rounds,
    )


def _times(event: Event, rounds: int) -> Event:
    return replace(event, steps=rounds * event.steps)


LOOK_EPSILON, LOOK_DELTA = 1.0, 1e-5
"""What a statement of readiness with noised counts costs each patient."""


@lru_cache(maxsize=1)
def look() -> Event:
    """Return the event of a statement of readiness: one noised look at every patient.

    It is made before a study begins, so it is no part of the study's own epsilon; like
    everything that is done to patients it counts for their lifetime.
    """
    return Event(1.0, noise_for(LOOK_EPSILON, LOOK_DELTA, sampling=1.0, steps=1), 1)
