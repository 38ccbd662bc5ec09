"""Whether a task, and the model it brings, fit what the site has approved. Pure.

A hub is not trusted with privacy: a model made for the purpose, or a question asked again
in another way, could draw more out of a site than the study says. So every task is held
against the signed study before any data are touched:

    kind     the study's strategy asks for it, and statistics only before the first round
    round    within the plan, and not behind what was asked before
    once     the same round and kind never ask about a second model
    seed     the model of round 1 is the recipe's start for the signed seed, bit for bit
    scaling  figures that federated statistics can give, the same in all rounds
    control  SCAFFOLD's no longer than signed updates can make it, and 0 before round 1
    crafted  no layer of it has a form that reads records (privacy/leakage/crafted.py)
    edge     with a report alone, where the study has a rule for the threshold: a bin's
    report   once, when the rounds are over: nothing is asked after it, and its model is one
             that this site was asked about, or no further from one than the bound allows
    step     no further from the last model seen here than the signed bound allows
    exchange those of a masked sum follow its first one, and are about the same question

What the hub has said of finished rounds is held against tasks in transcripts.py.
Findings are recorded in the ledger and shown to the operator; the hub learns of a refusal.
The bound of one round is step.py's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import columns
from modelward.core.study import Study
from modelward.core.task import LOOKS_AT, MASK_PHASES, Task, TaskKind
from modelward.core.verdict import Finding
from modelward.learn.sgd import learning_rate
from modelward.privacy.leakage.crafted import crafted
from modelward.recipes.catalogue import recipe
from modelward.recipes.trees.trees import Trees
from modelward.site.entering.step import largest_step
from modelward.study.answers import SCORE_BINS
from modelward.study.explain import asked_of, tasks_of
from modelward.study.model import Model, initial, parameter_schema
from modelward.study.report_answer import acts
from modelward.study.scaling import Scaling

SLACK = 1.0 + 1e-3
"""Room for float32 rounding in the hub's arithmetic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a site remembers of a study's tasks.

    Attributes:
        asked: (round, kind) -> id of the task that was let in.
        age: Finished rounds behind the last model that was let in; None before the first.
        model: SHA-256 of that model.
    """

    asked: Mapping[tuple[int, TaskKind], str] = field(default_factory=dict)
    age: int | None = None
    model: str | None = None

    def after(self, task: Task) -> "Seen":
        """Return what is remembered once `task` has been let in."""
        asked = {**self.asked, (task.round_no, task.kind): task.id}
        if task.model is None or (self.age is not None and age(task) <= self.age):
            return replace(self, asked=asked)
        return Seen(asked=asked, age=age(task), model=task.model)


def age(task: Task) -> int:
    """Return how many finished rounds are behind the model of `task`."""
    return task.round_no if task.kind in LOOKS_AT else task.round_no - 1


def known(task: Task, seen: Seen) -> bool:
    """Return whether exactly this task was let in before."""
    return seen.asked.get((task.round_no, task.kind)) == task.id


def task_objections(task: Task, study: Study, seen: Seen) -> tuple[Finding, ...]:
    """Return what speaks against `task`, before its model is looked at."""
    found: list[Finding] = []
    kinds = expected_kinds(study)
    if task.kind not in kinds:
        listed = ", ".join(sorted(kinds))
        found.append(_finding("kind", f"{task.kind} is asked, the study has {listed}"))
    first, last = (0, 0) if task.kind == "statistics" else (1, study.plan.rounds)
    if not first <= task.round_no <= last:
        found.append(_finding("round", f"round {task.round_no} is not in {first} to {last}"))
    if (task.model is None) != (task.kind == "statistics"):
        found.append(_finding("model", f"{task.kind} comes with the wrong number of models"))
    if (task.round_no, task.kind) in seen.asked:
        found.append(_finding("once", f"round {task.round_no} has asked another {task.kind}"))
    found += _order_objections(task, seen) + _edge_objections(task, study)
    if task.model is not None and seen.age == age(task) and seen.model != task.model:
        found.append(_finding("once", f"round {task.round_no} brings a second model"))
    return tuple(found)


def _order_objections(task: Task, seen: Seen) -> list[Finding]:
    """Object to a round that is over, and to whatever follows the report.

    The report is about the round whose model is kept, which need not be the last.
    """
    if any(kind == "report" for _, kind in seen.asked):
        return [_finding("order", f"{task.kind} is asked after the report of the study")]
    if task.kind == "report":
        evaluated = Task(
            study=task.study, round_no=task.round_no, kind="evaluate", model=task.model
        )
        known = seen.asked.get((task.round_no, "evaluate"))
        if known not in {None, evaluated.id}:
            return [_finding("once", f"round {task.round_no} brings a second model")]
        return []
    latest = max((round_no for round_no, _ in seen.asked), default=0)
    if task.round_no < latest:
        return [_finding("order", f"round {task.round_no} comes after round {latest}")]
    return []


def _edge_objections(task: Task, study: Study) -> list[Finding]:
    """Object to a threshold that the study has not agreed to tell of, or that is no bin's."""
    if task.edge is None:
        return []
    if task.kind != "report" or not acts(study):
        return [_finding("edge", f"{task.kind} comes with a threshold, and none was agreed on")]
    if not 0 <= task.edge <= SCORE_BINS:
        return [_finding("edge", f"the threshold {task.edge} is not in 0 to {SCORE_BINS}")]
    return []


def exchange_objections(task: Task) -> tuple[Finding, ...]:
    """Return what speaks against an exchange about a question that was never let in."""
    if task.phase in {None, MASK_PHASES[0]}:
        return ()
    return (_finding("exchange", f"{task.phase} is asked, and no keys were asked for before"),)


def model_objections(
    task: Task, model: Model, seen: Seen, before: Model | None
) -> tuple[Finding, ...]:
    """Return what speaks against the model of `task`.

    Args:
        task: A task without objections of its own.
        model: The model that it brings.
        seen: What is remembered.
        before: The model that `seen` names; None before the first.
    """
    study = model.study
    found = list(_scaling_objections(study, model.scaling))
    start = initial(study, model.scaling)
    if age(task) == 0 and start.parameters.tobytes() != model.parameters.tobytes():
        found.append(_finding("seed", f"it is not the start for seed {study.plan.seed}"))
    if before is not None and not _same(before.scaling, model.scaling):
        found.append(_finding("scaling", "its scaling is not that of the rounds before"))
    found += _control_objections(task, model)
    if study.plan.strategy == "boosting":
        return (*found, *_tree_objections(study, model, before))
    if study.plan.strategy != "sums":  # a state of sums has no layers that see a record
        schema = parameter_schema(study)
        forms = crafted(schema.split(model.parameters), schema.split(start.parameters))
        found += [_finding("crafted", each) for each in forms]
    reference, rounds = (start, age(task)) if before is None else (before, age(task))
    if before is not None and seen.age is not None:
        rounds = abs(rounds - seen.age)  # a report goes back to the round that is kept
    moved = float(
        np.linalg.norm(np.subtract(_asked_at(model), _asked_at(reference), dtype="f8"))
    )
    step = largest_step(study, model.parameters.size) * SLACK
    bound = rounds * step if rounds else 0.0  # none of an unbounded step is still none
    if not moved <= bound or moved == inf:  # NaN fails too
        found.append(
            _finding(
                "step", f"it moved by {moved:.4g} in {rounds} rounds, {bound:.4g} is allowed"
            )
        )
    return tuple(found)


def expected_kinds(study: Study) -> frozenset[TaskKind]:
    """Return the kinds of task that follow from the study's terms."""
    return frozenset(tasks_of(study))


def trains(study: Study) -> TaskKind:
    """Return the kind of task that a study's rounds ask."""
    return asked_of(study)


def _asked_at(model: Model) -> NDArray[Any]:
    """Return the part of a model that an answer depends on."""
    if model.study.plan.strategy != "sums":
        return model.parameters
    named = parameter_schema(model.study).split(model.parameters)
    return named.get("beta", np.zeros(0))


def _scaling_objections(study: Study, scaling: Scaling | None) -> tuple[Finding, ...]:
    """Object to figures that no cohort within the study's ranges can have."""
    listed = columns(study)
    if scaling is None or not listed:
        return ()
    low, high = (np.array([getattr(c, end) for c in listed]) for end in ("low", "high"))
    standardise = np.array([column.standardise for column in listed])
    room = 1e-9 * (high - low)
    inside = (scaling.fill >= low - room) & (scaling.fill <= high + room)
    centred = scaling.center == np.where(standardise, scaling.fill, 0.0)
    most = np.where(standardise, (high - low) / 2 + room, 0.0)
    spread = (scaling.spread == 1.0) | ((scaling.spread > 0) & (scaling.spread <= most))
    wrong = [c.name for c, ok in zip(listed, inside & centred & spread, strict=True) if not ok]
    if not wrong:
        return ()
    return (_finding("scaling", f"impossible figures for {', '.join(wrong[:5])}"),)


def _control_objections(task: Task, model: Model) -> tuple[Finding, ...]:
    """Object to a control that no updates within the bound can add up to.

    It is a mean of -update / (steps * lr), over sites and the rounds so far; rates only fall.
    """
    if model.control is None:
        return ()
    study, before = model.study, age(task)
    steps = (study.plan.local.steps if study.plan.local else None) or study.plan.local_epochs
    bound = 0.0
    if before:
        bound = study.privacy.clip / (steps * learning_rate(study.plan, before)) * SLACK
    norm = float(np.linalg.norm(model.control.astype(np.float64)))
    if norm <= bound:  # NaN fails
        return ()
    return (_finding("control", f"its control has norm {norm:.4g}, {bound:.4g} is allowed"),)


def _tree_objections(study: Study, model: Model, before: Model | None) -> tuple[Finding, ...]:
    """Object to a model that is not the last one seen here with more trees."""
    if before is None:
        return ()
    made, schema = recipe(study.recipe), parameter_schema(study)
    old, new = (schema.split(each.parameters) for each in (before, model))
    if isinstance(made, Trees) and not made.shape.extends(old, new):
        return (_finding("step", "trees, or bins, that were there before have changed"),)
    return ()


def _same(one: Scaling | None, other: Scaling | None) -> bool:
    if one is None or other is None:
        return one is other
    return all(
        one.tensors[name].tobytes() == other.tensors[name].tobytes() for name in Scaling.NAMES
    )


def _finding(rule: str, says: str) -> Finding:
    return Finding(
        rule=f"intake-{rule}",
        says=says,
        remedy="ask the hub's operator; the study's terms are in: modelward site show",
    )
