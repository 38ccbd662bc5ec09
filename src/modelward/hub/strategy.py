"""How the answers of one round become the next model.

A strategy says what sites are asked, collects their answers in exact sums, and makes one
step. Memory that lasts from round to round is a dict of arrays that the registry stores;
nothing else survives a round.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from modelward.aggregate import newton_step, server_opt
from modelward.aggregate.fixed_point import UpdateSum, exact_sum
from modelward.aggregate.newton_step import NewtonSums
from modelward.aggregate.robust import Rows, compared, relative_distances, robust_mean
from modelward.core.study import Robust, Study
from modelward.core.task import TaskKind
from modelward.core.tensors import FlatF32, Tensors
from modelward.core.verdict import Release
from modelward.errors import BadUpdate
from modelward.gate.uplink import plain_update
from modelward.hub import averaging
from modelward.hub.by_steps import UpdatesBySteps
from modelward.hub.round import Arrays
from modelward.learn.newton import l2_of
from modelward.privacy.masks import grid, words
from modelward.privacy.masks.grid import Words
from modelward.recipes.analysis import Heard
from modelward.recipes.catalogue import analysis
from modelward.study.answers import answer_to
from modelward.study.model import parameter_schema
from modelward.study.own import widened

Parameters = NDArray[Any]


class Collector(Protocol):
    """Takes the answers of one round as they arrive, in any order."""

    def add(self, release: Release) -> None:
        """Add one site's answer; nothing of it needs to be kept afterwards."""
        ...


@runtime_checkable
class Summed(Protocol):
    """What takes the sum of a round that was made behind masks."""

    def add_totals(self, totals: Mapping[str, Words]) -> None:
        """Take sums over groups of sites, by group, in place of their answers.

        Raises:
            BadUpdate: If one is no sum of proper answers, as when a mask is left in it.
        """
        ...

    @property
    def patients(self) -> int:
        """Units behind what was added."""
        ...


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


class Combined(Protocol):
    """Updates of one round on their way to one."""

    def add(self, release: Release) -> None:
        """Add one update."""
        ...

    def mean(self) -> FlatF32:
        """Return what everything added comes to, for the caller to change; ask once."""
        ...

    def deviations(self) -> dict[str, float]:
        """Return how far each site's update lies from the others; empty if that is not seen."""
        ...


class Updates:
    """Running sum of updates, weighted by patients; one int64 vector, however many sites.

    Source: McMahan et al. 2017, arXiv:1602.05629, Algorithm 1.
    """

    def __init__(self, study: Study) -> None:
        self._study, self._schema = study, answer_to(study, "train")[1]
        self._sum = UpdateSum(self._schema.size)

    def add(self, release: Release) -> None:
        """Add one update.

        Raises:
            BadUpdate: If it is off the grid or out of range.
        """
        tensors, patients = release.artifact.tensors, release.artifact.card.patients
        if self._study.plan.uplink is None:  # added where it lies, without joining it
            parts = [tensors[spec.name].reshape(-1) for spec in self._schema]
            self._sum.add_parts(parts, patients)
        else:
            self._sum.add(plain_update(self._study, tensors), patients)

    def add_totals(self, totals: Mapping[str, Words]) -> None:
        """Take sums that were made behind masks; see `Summed`."""
        self._sum = UpdateSum.of(*grid.read_update(words.added(totals)))

    @property
    def patients(self) -> int:
        """Units behind what was added."""
        return self._sum.weight

    def mean(self) -> FlatF32:
        """Return the mean update of everything added; the sum is used up."""
        return self._sum.take_mean()

    def deviations(self) -> dict[str, float]:
        """Return nothing: only the sum is kept."""
        return {}


class RobustUpdates:
    """All updates of a round, until a rule has made one of them (aggregate/robust.py).

    Holds one vector per site, or per group of sites where these are summed behind masks.

    Attributes:
        patients: Units behind the groups; 0 where answers are open, whose cards say it.
    """

    def __init__(self, study: Study, choice: Robust) -> None:
        self._study, self._choice = study, choice
        self._flats: dict[str, FlatF32] = {}
        self.patients = 0

    def add(self, release: Release) -> None:
        """Add one update; how many patients are behind it makes no difference.

        Raises:
            BadUpdate: If it is not finite.
        """
        flat = plain_update(self._study, release.artifact.tensors)
        if not np.isfinite(flat).all():
            raise BadUpdate(
                f"the update of {release.site} is not finite",
                why="no rule can tell how far it lies from the others",
                remedy="its gate should have refused it: ask its operator",
            )
        self._flats[release.site] = flat

    def add_totals(self, totals: Mapping[str, Words]) -> None:
        """Take the mean update of each group for that of one site; see `Summed`."""
        for group, total in totals.items():
            made = UpdateSum.of(*grid.read_update(total))
            self._flats[group] = made.mean()
            self.patients += made.weight

    def mean(self) -> FlatF32:
        """Return what the rule makes of the updates."""
        return robust_mean(self._rows(), self._choice)

    def deviations(self) -> dict[str, float]:
        """Return each site's distance from the combined update, in medians of it."""
        far = relative_distances(compared(self._rows(), self._choice), self.mean())
        return dict(zip(sorted(self._flats), map(float, far), strict=True))

    def _rows(self) -> Rows:
        return np.stack([self._flats[site] for site in sorted(self._flats)])


class Sums:
    """Exact sums of statistics and counts.

    Args:
        study: The study.
        kind: What sites were asked.
    """

    def __init__(self, study: Study, kind: TaskKind) -> None:
        self._schema = answer_to(study, kind)[1]
        self._parts: list[Tensors] = []
        self.by_site: dict[str, Tensors] = {}
        self._total: dict[str, NDArray[np.float64]] | None = None
        self.patients = 0

    def add(self, release: Release) -> None:
        """Add one site's sums.

        Raises:
            BadUpdate: If a value is off the grid.
        """
        exact_sum([release.artifact.tensors])
        self._parts.append(release.artifact.tensors)
        self.by_site[release.site] = release.artifact.tensors
        self.patients += release.artifact.card.patients

    def add_totals(self, totals: Mapping[str, Words]) -> None:
        """Take sums that were made behind masks; see `Summed`."""
        self._total, self.patients = words.read_sums(words.added(totals), self._schema)

    def totals(self) -> dict[str, NDArray[np.float64]]:
        """Return the sums over everything added."""
        return exact_sum(self._parts) if self._total is None else self._total


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
    """What a statistical recipe makes of sums over all sites; its state is the model."""
    made, schema = analysis(study.recipe), parameter_schema(study)

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
    "scaffold": partial(_beside_the_mean, averaging.scaffold_step),
    "fednova": partial(_beside_the_mean, averaging.fednova_step),
    "feddyn": partial(_beside_the_mean, averaging.feddyn_step),
    "cyclic": partial(_beside_the_mean, averaging.cyclic_step),
}
