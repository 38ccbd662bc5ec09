"""How the answers of one round become the next model.

A strategy says what sites are asked, collects their answers in exact sums, and makes one
step. Memory that lasts from round to round is a dict of arrays that the registry stores;
nothing else survives a round.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.aggregate import newton_step, server_opt
from modelward.aggregate.newton_step import NewtonSums
from modelward.core.study import Study
from modelward.core.task import TaskKind
from modelward.core.tensors import FlatF32
from modelward.hub import averaging, buffered
from modelward.hub.by_steps import UpdatesBySteps
from modelward.hub.collectors import Combined, RobustUpdates, Sums, Updates
from modelward.hub.round import Arrays
from modelward.learn.newton import l2_of
from modelward.recipes.analysis import Heard
from modelward.recipes.catalogue import summing
from modelward.study.model import parameter_schema
from modelward.study.own import widened

Parameters = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Strategy:
    """How a study is trained.

    Attributes:
        asks: The task that sites get each round.
        collector: Makes an empty collector.
        step: (collector, parameters, memory) -> (parameters, memory) of the next round.
        deviations: collector -> how far each site's answer lies from the others.
    """

    asks: TaskKind
    collector: Callable[[], Any]
    step: Callable[[Any, Parameters, Arrays], tuple[Parameters, Arrays]]
    deviations: Callable[[Any], dict[str, float]] = lambda _: {}


def strategy(study: Study) -> Strategy:
    """Return the strategy that the study's plan names."""
    return _STRATEGIES[study.plan.strategy](study)


def told(study: Study, memory: Arrays) -> FlatF32 | None:
    """Return what of the hub's memory the sites are told with the next model, or None."""
    if study.plan.strategy != "scaffold":
        return None
    return np.asarray(memory["control"], np.float32)


def asked(study: Study, round_no: int, sites: Iterable[str]) -> list[str]:
    """Return the sites that are asked in a round, by name; all but in cyclic transfer."""
    names = sorted(sites)
    if study.plan.strategy != "cyclic":
        return names
    return [names[(round_no - 1) % len(names)]]


def _fedavg(study: Study) -> Strategy:
    choice, robust = study.plan.server, study.plan.robust

    def collector() -> Combined:
        return Updates(study) if robust is None else RobustUpdates(study, robust)

    def step(
        updates: Combined, parameters: Parameters, memory: Arrays
    ) -> tuple[Parameters, Arrays]:
        state = memory or server_opt.init(choice, parameters.size)
        mean = widened(study, updates.mean())
        after, moved = server_opt.step(choice, state, parameters, mean)
        return moved, dict(after)

    return Strategy("train", collector, step, lambda updates: updates.deviations())


def _beside_the_mean(step: Callable[..., tuple[Parameters, Arrays]], study: Study) -> Strategy:
    return Strategy("train", partial(UpdatesBySteps, study), partial(step, study))


def _fedbuff(study: Study) -> Strategy:
    return Strategy("train", partial(buffered.Buffered, study), partial(buffered.step, study))


def _newton(study: Study) -> Strategy:
    """Newton on summed gradient and Hessian; half the step back when the objective has risen.

    Every round asks at one point: the sums there give the next step, and their loss tells
    whether the last step was too long (then the next point is half-way back).
    """
    l2 = l2_of(study)

    def step(sums: Sums, beta: Parameters, memory: Arrays) -> tuple[Parameters, Arrays]:
        totals = sums.totals()
        here = NewtonSums(
            totals["gradient"], totals["hessian"], float(totals["loss"][0]), sums.patients
        )
        value = newton_step.objective(beta, here, l2)
        if memory and value > float(memory["objective"][0]) * (1 + 1e-12) + 1e-12:
            return newton_step.halfway(memory["beta"], beta), memory
        moved = newton_step.step(beta, here, l2)
        return moved, {"beta": beta, "objective": np.array([value])}

    return Strategy("newton", lambda: Sums(study, "newton"), step)


def _sums(study: Study) -> Strategy:
    """What a recipe makes of sums over all sites; its state is the model."""
    made, schema = summing(study.recipe), parameter_schema(study)

    def step(sums: Sums, state: Parameters, memory: Arrays) -> tuple[Parameters, Arrays]:
        heard = Heard(totals=sums.totals(), by_site=sums.by_site, units=sums.patients)
        after = made.step(study, heard, schema.split(state))
        moved = [np.asarray(after[spec.name], np.float64).reshape(-1) for spec in schema]
        return np.concatenate(moved), memory

    return Strategy("sums", lambda: Sums(study, "sums"), step)


_STRATEGIES: dict[str, Callable[[Study], Strategy]] = {
    "fedavg": _fedavg,
    "newton": _newton,
    "sums": _sums,
    "boosting": _sums,
    "scaffold": partial(_beside_the_mean, averaging.scaffold_step),
    "fednova": partial(_beside_the_mean, averaging.fednova_step),
    "feddyn": partial(_beside_the_mean, averaging.feddyn_step),
    "cyclic": partial(_beside_the_mean, averaging.cyclic_step),
    "fedbuff": _fedbuff,
}
