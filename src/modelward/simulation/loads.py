"""What a study puts on a site, a line and a hub, from its terms alone: bytes, steps, memory.

    traffic     every question: how often, the bytes that leave a site, those that come to it
    work        local steps and units looked at, for sites of some sizes
    memory      arrays that a site and the hub hold at once, at the least

Bytes are those of the bundles, headers included, to the byte (of packed answers the most); a
test holds them to the ledgers of a run. Signed cards and envelopes come on top. Behind masks
they are those of the largest group that is summed together. price.py has all of it together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from modelward.artifact import bundle, codec
from modelward.core.columns import inputs
from modelward.core.study import Study
from modelward.core.task import MASK_PHASES, Task, TaskKind
from modelward.core.tensors import Schema
from modelward.hub.by_steps import steps_of
from modelward.learn.invented import invented
from modelward.privacy.masks import exchange
from modelward.privacy.masks.coded import Code
from modelward.privacy.masks.session import Session
from modelward.simulation.evaluation import WHOLE, looked_at
from modelward.study.answers import answer_to
from modelward.study.explain import ONCE, tasks_of
from modelward.study.groups import sizes
from modelward.study.model import model_schema, parameter_schema
from modelward.study.own import kept_schema, residual_schema

SUMS = WHOLE | {"sums"}
"""Strategies in which a site sums over its units, and makes no steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One question, or one exchange about it, at one site.

    Attributes:
        kind: What is asked.
        phase: Which exchange behind masks; "" for an open answer.
        times: How often, at most.
        up: Bytes of one answer.
        down: Bytes of what the question brings: the model, or what the hub has heard.
    """

    kind: TaskKind
    phase: str
    times: int
    up: int
    down: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a site with so many training units does.

    Attributes:
        units: Training units.
        steps: Local steps of one round; 0 where a round is one sum over all units.
        looked_at: How often units are looked at, in all rounds together.
        as_arrays: Bytes of the units as arrays, outcomes included.
    """

    units: int
    steps: int
    looked_at: int
    as_arrays: int


Held = dict[str, int]
"""What is held in memory -> bytes."""


def traffic(study: Study, sites: int) -> tuple[Leg, ...]:
    """Return every question of `study` at one of `sites` sites, in order.

    Raises:
        MaskingFailed: If no sum over so few sites hides anything.
    """
    if study.privacy.aggregation is None:
        return in_the_open(study)
    legs = []
    for leg in in_the_open(study):
        session = _session(study, leg.kind, max(sizes(study, sites)))
        for phase in MASK_PHASES:
            told = exchange.told_schema(session, phase)
            brought = leg.down if phase == MASK_PHASES[0] else _file(told)
            up = _file(exchange.said_schema(session, phase))
            legs.append(Leg(kind=leg.kind, phase=phase, times=leg.times, up=up, down=brought))
    return tuple(legs)


def in_the_open(study: Study) -> tuple[Leg, ...]:
    """Return every question as it would be answered without masks."""
    model = _file(model_schema(study))
    return tuple(
        Leg(
            kind=kind,
            phase="",
            times=1 if kind in ONCE else study.plan.rounds,
            up=_file(_sent(study, kind)),
            down=0 if kind == "statistics" else model,
        )
        for kind in tasks_of(study)
    )


def in_all(legs: Sequence[Leg]) -> tuple[int, int, int]:
    """Return the bytes that leave one site, those that come to it, and in how many answers."""
    return (
        sum(leg.times * leg.up for leg in legs),
        sum(leg.times * leg.down for leg in legs),
        sum(leg.times for leg in legs),
    )


def work(study: Study, units: int) -> Work:
    """Return what a site with `units` training units does."""
    return Work(
        units=units,
        steps=0 if study.plan.strategy in SUMS else steps_of(study, units),
        looked_at=study.plan.rounds * _looked_at(study, units),
        as_arrays=units * _unit_bytes(study),
    )


def at_a_site(study: Study, sites: int) -> Held:
    """Return what a site's processes hold at once in a round, beside its units, at the least.

    Activations, the gradients of single patients, Python and its libraries come on top.
    """
    parameters = parameter_schema(study).nbytes
    held = {"the model that came": model_schema(study).nbytes}
    if study.plan.strategy in SUMS:
        kind = next(kind for kind in tasks_of(study) if kind not in ONCE)
        held["the sums"] = answer_to(study, kind)[1].nbytes
    else:
        held["parameters in training, and their gradient"] = 2 * parameters
        if study.plan.momentum > 0:
            held["momentum"] = parameters
    kept = [each for each in (kept_schema(study), residual_schema(study)) if each is not None]
    if kept:
        held["what it keeps from round to round"] = sum(each.nbytes for each in kept)
    if study.privacy.aggregation is not None:
        session = _session(study, _asked(study), max(sizes(study, sites)))
        held["words behind masks"] = session.size * session.dtype.itemsize
    return held


def at_the_hub(study: Study, sites: int) -> Held:
    """Return what the hub holds at once in a round, at the least."""
    answer = answer_to(study, _asked(study))[1]
    held = {"the model": model_schema(study).nbytes}
    if study.plan.robust is not None:
        several = sizes(study, sites) if study.privacy.aggregation else (1,) * sites
        held["every update, until the rule has seen them"] = len(several) * answer.nbytes
    elif study.plan.strategy in SUMS:
        held["the sums of every site"] = sites * answer.nbytes
    else:
        held["the sum of updates, in whole numbers of 8 bytes"] = 8 * answer.size
    return held


def _asked(study: Study) -> TaskKind:
    return next(kind for kind in tasks_of(study) if kind not in ONCE)


def _sent(study: Study, kind: TaskKind) -> Schema:
    """Return what leaves in the open in answer to a task; of a packed one the most."""
    schema, uplink = answer_to(study, kind)[1], study.plan.uplink
    if uplink is None or kind != "train":
        return schema
    return codec.coded_schema(schema, uplink, codec.most_packed(schema, uplink))


def _session(study: Study, kind: TaskKind, sites: int) -> Session:
    """Return a session over invented sites: sizes depend on their number alone."""
    roster = {f"{n:04}": f"{n:064x}" for n in range(sites)}
    task = Task(study=study.sha256, round_no=1, kind=kind)
    return exchange.session_of(task, answer_to(study, kind)[1], roster, Code.of(study, kind))


def _file(schema: Schema) -> int:
    """Return the bytes of a bundle of `schema`, header included; 0 where it has no tensors."""
    return len(bundle.header(schema)) + schema.nbytes if schema.specs else 0


def _looked_at(study: Study, units: int) -> int:
    return units if study.plan.strategy in SUMS else looked_at(study, units)


def _unit_bytes(study: Study) -> int:
    """Return the bytes of one unit as readers/cohort.py holds it, with its outcome."""
    asked = inputs(study)
    one = invented(asked, 1, np.random.default_rng(0)).nbytes
    label = prod(asked.shape) if asked.outcome == "mask" else 1
    return one + label
