"""What one round does to the state of a study. Pure: no files, no clock, no wire.

    begin -> (collect answers -> advance)* -> stop_reason

Averaging itself is aggregate/'s business, asking is run.py's, remembering is registry.py's.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.study import Study
from modelward.evaluate.better import better
from modelward.evaluate.comparing.kept_round import kept_round
from modelward.recipes.catalogue import summing
from modelward.study.model import parameter_schema

Arrays = dict[str, NDArray[Any]]


PART = 1 << 16
"""Parameters compared at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRecord:
    """What is remembered of one finished round.

    Attributes:
        round_no: Counted from 1.
        released: Sites whose answers were combined, by name.
        refused: Sites that answered with a refusal.
        silent: Sites without an answer when the round was closed.
        patients: Training units behind the combined answers.
        moved: Largest change of any parameter.
        metrics: Validation figures over all sites; empty when nothing is watched.
        deviations: How far each site's update lies from the combined one, in medians of that
            distance over the sites; empty where updates are not looked at one by one.
        by_site: The watched metric on each site's validation units; empty where nothing is
            watched, or the hub sees sums only.
        waiting: Sites that work on with the question of this or an earlier round, and which,
            where sites answer at their own pace (hub/buffered.py).
        clipped: Values, over all sites, that were cut to the range of a code behind masks
            (privacy/masks/coded.py); 0 without one.
    """

    round_no: int
    released: tuple[str, ...]
    refused: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    patients: int = 0
    moved: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)
    deviations: dict[str, float] = field(default_factory=dict)
    by_site: dict[str, float] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    clipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class State:
    """Everything the next round depends on.

    Attributes:
        parameters: The current model.
        optimiser: The strategy's memory (momentum, moments, last Newton loss).
        history: Finished rounds, oldest first.
        best: Round whose model is kept; 0 before the first.
    """

    parameters: NDArray[Any]
    optimiser: Arrays
    history: tuple[RoundRecord, ...] = ()
    best: int = 0

    @property
    def round_no(self) -> int:
        """Number of finished rounds."""
        return len(self.history)


def advance(
    study: Study, state: State, parameters: NDArray[Any], optimiser: Arrays, record: RoundRecord
) -> State:
    """Return the state after one more round.

    The kept model is the best on validation when a metric is watched
    (evaluate/comparing/kept_round.py), else the last.
    """
    metric, history = study.stop.metric, (*state.history, record)
    kept = record.round_no
    if metric is not None:
        kept = kept_round(metric, [each.metrics for each in history])
    return State(parameters=parameters, optimiser=optimiser, history=history, best=kept)


def farthest(before: NDArray[Any], after: NDArray[Any]) -> float:
    """Return the largest change of a parameter, found a part at a time."""
    parts = (slice(start, start + PART) for start in range(0, before.size, PART))
    changes = [float(np.max(np.abs(after[part] - before[part]))) for part in parts]
    return float(np.max(changes, initial=0.0))


def stop_reason(study: Study, state: State) -> str | None:
    """Return why the study is finished, in words, or None if another round is due."""
    stop, done = study.stop, state.round_no
    if not done:
        return None
    if (ended := _ended(study, state)) is not None:
        return ended
    last = state.history[-1]
    if study.plan.strategy == "newton" and last.moved <= stop.tolerance:
        return f"converged: no coefficient moved by more than {stop.tolerance:g}"
    if stop.metric is not None:
        value = last.metrics[stop.metric]
        if stop.target is not None and not better(stop.metric, stop.target, value):
            return f"target reached: {stop.metric} {value:.4f} in round {done}"
        if stop.patience is not None and done - state.best >= stop.patience:
            return f"no better {stop.metric} for {stop.patience} rounds"
    return _used_up(study, done)


def _ended(study: Study, state: State) -> str | None:
    """Return why a recipe that is computed from sums asks for no more of them."""
    if study.plan.strategy not in {"sums", "boosting"}:
        return None
    return summing(study.recipe).ended(parameter_schema(study).split(state.parameters))


def _used_up(study: Study, done: int) -> str | None:
    return f"all {study.plan.rounds} rounds are done" if done >= study.plan.rounds else None


def enough(study: Study, released: int, silent: int) -> bool:
    """Return whether a round may be closed with `released` answers.

    Without a quorum in the study nobody may be silent. A refusal is an answer: the round
    goes on with the others as long as the study's minimum of sites is there. That minimum
    outvotes the wrong sites of `[plan.robust]` (study/read.py).
    """
    quorum = study.plan.quorum
    if quorum is None:
        return silent == 0 and released >= study.sites.minimum
    return released >= max(quorum, study.sites.minimum)
