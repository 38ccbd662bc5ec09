"""What a private study would cost, from its terms alone: noise, budget and time.

Utility is forecast by one figure that needs no data. A noised step is the mean of clipped
gradients plus noise; over n steps that pull the same way, signal adds up as n and noise as
the square root of n. With p parameters, N units, E passes over R rounds, T = E R / q steps:

    noise / signal  =  sigma C sqrt(p) / (q N sqrt(T))  /  C     at one site, per unit of C

for gradients as long as the clip norm C: shorter ones are drowned earlier. Averaging over S
alike sites divides it by sqrt(S). It ranks plans; it does not promise an AUC. Measured
costs on real data are in docs/privacy.md.

Time is measured: one noised step of invented inputs on this machine.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from modelward.core.canonical import Json
from modelward.core.columns import inputs
from modelward.core.study import DifferentialPrivacy, Study
from modelward.learn import dp
from modelward.learn.invented import invented
from modelward.learn.patients import Patients
from modelward.privacy.accounting import epsilon, epsilon_rdp
from modelward.privacy.noise import Secret
from modelward.privacy.plan import PrivacyPlan, plan_of
from modelward.recipes.catalogue import recipe
from modelward.study.answers import answer_to
from modelward.study.model import initial, parameter_schema
from modelward.study.scaling import frozen

TIMED = 64
"""Units of the step that is timed."""

WEAK = 0.03
DROWNED = 0.15
"""Noise / signal from which the AUC suffers, and from which little is learnt. Real gradients
point in many directions, so both are far below 1: they follow the heart study's figures in
docs/privacy.md (0.02 cost 0.01 of AUC at four sites, 0.06 cost 0.07)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteForecast:
    """What the study does at a site of some size.

    Attributes:
        units: Training units.
        in_a_step: Expected number in one step, q N.
        noise_to_signal: Over the whole study; see the header.
        seconds: Of one round on one core of this machine.
        says: What that means.
    """

    units: int
    in_a_step: float
    noise_to_signal: float
    seconds: float
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The whole forecast.

    Attributes:
        lines: The study's terms and noise, in sentences.
        sites: One for each size that was asked about.
        notes: What to read it with.
        figures: Noise, steps, epsilon by both accountants.
    """

    lines: tuple[str, ...]
    sites: tuple[SiteForecast, ...]
    notes: tuple[str, ...]
    figures: dict[str, Json]

    def to_json(self) -> dict[str, Json]:
        """Return the forecast as JSON."""
        return {**self.figures, "sites": [asdict(site) for site in self.sites]}


def forecast(
    study: Study, sizes: Sequence[int], clock: Callable[[], float] = perf_counter
) -> Forecast:
    """Return what `study` would cost sites of these numbers of training units.

    Raises:
        BadPrivacyTerms: If the study asks for no bound, or no noise is enough for it.
    """
    found = plan_of(study)
    terms = study.privacy.dp
    if terms is None:
        raise AssertionError("plan_of has refused it")
    size = parameter_schema(study).size
    per_unit = _seconds_a_unit(study, terms, clock)
    sites = tuple(_site(study, found, terms.sampling, units, size, per_unit) for units in sizes)
    whole, delta = found.whole("train"), terms.delta
    figures: dict[str, Json] = {
        "epsilon": epsilon(whole, delta),
        "epsilon_renyi": epsilon_rdp(whole, delta),
        "delta": delta,
        "noise": found.training.noise,
        "steps": found.rounds * found.training.steps,
        "parameters": size,
    }
    lines = (
        f"{study.id}: epsilon {terms.epsilon:g} at delta {delta:g} for each {terms.unit}",
        f"noise      {found.training.noise:g} times the clip norm {terms.clip:g}, in "
        f"{found.rounds * found.training.steps} steps of {found.rounds} rounds, each with "
        f"every {terms.unit} by a coin of {terms.sampling:g}",
        *_other_events(found, terms.unit),
        f"budget     {figures['epsilon']:.3f} of each site's, by privacy loss distributions "
        f"({figures['epsilon_renyi']:.3f} by Renyi moments); reserved at the first task",
    )
    notes = (
        "noise/signal: over the whole study at one site; S alike sites divide it by sqrt(S).",
        "It ranks plans and promises no AUC; docs/privacy.md has measured ones.",
    )
    return Forecast(lines=lines, sites=sites, notes=notes, figures=figures)


def _other_events(found: PrivacyPlan, unit: str) -> list[str]:
    said = []
    if found.statistics is not None:
        said.append(f"statistics noise {found.statistics.noise:g}, once")
    if found.metrics is not None:
        said.append(
            f"metrics    noise {found.metrics.noise:g}, {found.rounds} times, on validation "
            f"{unit}s: an epsilon of their own"
        )
    if found.report is not None:
        said.append(
            f"report     noise {found.report.noise:g}, once, on test {unit}s: an epsilon of "
            "their own"
        )
    return said


def _site(
    study: Study, plan: PrivacyPlan, sampling: float, units: int, size: int, per_unit: float
) -> SiteForecast:
    expected = sampling * units
    steps = plan.rounds * plan.training.steps
    ratio = plan.training.noise * sqrt(size) / (expected * sqrt(steps))
    says = "noise is small against one site's updates"
    if units < study.study.min_patients:
        says = "sits out: fewer than the study's minimum"
    elif ratio > DROWNED:
        says = "its own updates are mostly noise"
    elif ratio > WEAK:
        says = "noise is felt; several sites average it out"
    return SiteForecast(
        units=units,
        in_a_step=expected,
        noise_to_signal=ratio,
        seconds=per_unit * expected * plan.training.steps,
        says=says,
    )


def _seconds_a_unit(
    study: Study, terms: DifferentialPrivacy, clock: Callable[[], float]
) -> float:
    """Return the seconds that one unit costs in one step, on invented inputs."""
    shape, draw = inputs(study), np.random.default_rng(0)
    x = invented(shape, TIMED, draw)
    y = (np.arange(TIMED) % 2).astype(np.int8)
    flat = initial(study, frozen(study, _no_sums(study))).parameters.copy()
    model = recipe(study.recipe).row_gradients(flat, x, y, shape, 0.0)
    patients = Patients(np.arange(TIMED))
    asked = dp.DpTerms(
        steps=1,
        sampling=1.0,
        noise=1.0,
        clip=terms.clip,
        patients=TIMED,
        lr=study.plan.lr,
        release_clip=study.privacy.clip,
    )
    secret = Secret(bytes(32), ("forecast",))
    dp.noised_step(model, patients, flat.size, asked, secret, 0)  # the first one warms up
    began = clock()
    dp.noised_step(model, patients, flat.size, asked, secret, 1)
    return (clock() - began) / TIMED


def _no_sums(study: Study) -> dict[str, NDArray[np.float64]]:
    """Return sums of nobody, from which a scaling of the right shape follows."""
    schema = answer_to(study, "statistics")[1]
    return {spec.name: np.zeros(spec.shape) for spec in schema}
