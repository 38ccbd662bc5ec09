"""How the answers of one round become the next model.

A strategy says what sites are asked, collects their answers in exact sums, and makes one
step. Memory that lasts from round to round is a dict of arrays that the registry stores;
nothing else survives a round.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from modelward.aggregate import newton_step, server_opt
from modelward.aggregate.fixed_point import StatisticsSum
from modelward.aggregate.mean import WeightedMean
from modelward.core.study import Study
from modelward.core.task import TaskKind
from modelward.core.verdict import Release
from modelward.hub.round import Arrays
from modelward.recipes.catalogue import recipe
from modelward.study.answers import answer_to

Parameters = NDArray[Any]


class Collector(Protocol):
    """Takes the answers of one round as they arrive, in any order."""

    def add(self, release: Release) -> None:
        """Add one site's answer; nothing of it needs to be kept afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class Strategy:
    """How a study is trained.

    Attributes:
        asks: The task that sites get each round.
        collector: Makes an empty collector.
        step: (collector, parameters, memory) -> (parameters, memory) of the next round.
    """

    asks: TaskKind
    collector: Callable[[], Any]
    step: Callable[[Any, Parameters, Arrays], tuple[Parameters, Arrays]]


def strategy(study: Study) -> Strategy:
    """Return the strategy that the study's plan names."""
    return _newton(study) if study.plan.strategy == "newton" else _fedavg(study)


class Updates:
    """Running mean of updates, weighted by patients.

    Source: McMahan et al. 2017, arXiv:1602.05629, Algorithm 1.
    """

    def __init__(self, study: Study) -> None:
        self._schema = answer_to(study, "train")[1]
        self.mean = WeightedMean(self._schema.size)

    def add(self, release: Release) -> None:
        """Add one update."""
        tensors = release.artifact.tensors
        parts = [tensors[spec.name].reshape(-1) for spec in self._schema]
        self.mean.add_parts(parts, release.artifact.card.patients)


class Sums:
    """Exact sums of float64 tensors, for statistics, metrics and Newton."""

    def __init__(self, study: Study, kind: TaskKind) -> None:
        self._schema = answer_to(study, kind)[1]
        self._sums = {spec.name: StatisticsSum(spec.size) for spec in self._schema}

    def add(self, release: Release) -> None:
        """Add one site's sums."""
        for name, total in self._sums.items():
            total.add(release.artifact.tensors[name].reshape(-1))

    def totals(self) -> dict[str, NDArray[np.float64]]:
        """Return the sums over everything added, in the schema's shapes."""
        return {
            spec.name: self._sums[spec.name].total().reshape(spec.shape)
            for spec in self._schema
        }


def _fedavg(study: Study) -> Strategy:
    optimiser = server_opt.optimiser(study.plan.server)

    def step(
        updates: Updates, parameters: Parameters, memory: Arrays
    ) -> tuple[Parameters, Arrays]:
        state = memory or optimiser.init(parameters)
        return optimiser.step(state, parameters, updates.mean.mean())

    return Strategy("train", lambda: Updates(study), step)


def _newton(study: Study) -> Strategy:
    """Newton on summed gradient and Hessian; half the step back when the loss has risen.

    Every round asks at one point: the sums there give the next step, and their loss tells
    whether the last step was too long (then the next point is half-way back).
    """
    l2 = float(recipe(study.recipe).options.l2)  # type: ignore[attr-defined]

    def step(sums: Sums, parameters: Parameters, memory: Arrays) -> tuple[Parameters, Arrays]:
        here = sums.totals()
        loss = newton_step.penalised_loss(parameters, float(here["loss"][0]), l2)
        if memory and loss > float(memory["loss"][0]):
            return (memory["parameters"] + parameters) / 2, memory
        moved = newton_step.step(parameters, here["gradient"], here["hessian"], l2)
        return moved, {"parameters": parameters, "loss": np.array([loss])}

    return Strategy("newton", lambda: Sums(study, "newton"), step)
