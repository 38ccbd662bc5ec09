"""A federation without wire, gate or disk: what strategies compute, and nothing else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from modelward.core.artifact import Artifact, Card
from modelward.core.columns import inputs
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.tensors import FlatF32, Tensors
from modelward.core.verdict import Release
from modelward.evaluate.sharing.coalition import divided
from modelward.evaluate.sharing.contribution import Round
from modelward.hub.round import Arrays
from modelward.hub.strategy import asked, strategy, told
from modelward.learn.examples import Examples
from modelward.learn.personal import loss
from modelward.readers.cohort import FOLDS, Cohort
from modelward.recipes.catalogue import recipe
from modelward.site.answering.answer import compute
from modelward.study.model import Model, initial
from modelward.study.own import update_schema
from modelward.study.read import parse
from modelward.study.scaling import Scaling

TOY = """
[study]
id = "toy"
purpose = "A convex question on two columns"
min_patients = 1
[features.a]
type = "number"
unit = "1"
range = [-9, 9]
[features.b]
type = "number"
unit = "1"
range = [-9, 9]
[target.y]
type = "boolean"
[recipe]
name = "logistic"
options = { l2 = 0.0 }
[plan]
rounds = 4
batch = 8
local_epochs = 2
lr = 0.5
test = 0.0
[privacy]
clip = 64.0
[sites]
minimum = 1
"""


def toy(*swaps: tuple[str, str], more: str = "") -> Study:
    """Return the toy study after replacing each (old, new), with `more` at its end."""
    text = TOY
    for old, new in swaps:
        assert old in text, f"nothing to swap: {old!r}"
        text = text.replace(old, new)
    return parse(text + more)


def cohort(number: int, seed: int, shift: float = 0.0) -> Cohort:
    """Return `number` training units of a site whose patients differ by `shift`."""
    rng = np.random.default_rng([7, seed])
    x = rng.normal(size=(number, 2)) + np.array([shift, 0.0])
    y = (rng.random(number) < 1 / (1 + np.exp(-(x @ [1.5, -1.0] - 2 * shift)))).astype(np.int8)
    folds = np.full(number, FOLDS["train"], np.int8)
    return Cohort(x=x, y=y, folds=folds)


SITES = {"north": cohort(8, 1), "south": cohort(40, 2, 1.0), "west": cohort(21, 3, -1.0)}
"""Three sites that differ in size and in patients: 2, 10 and 6 steps a round in the toy."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ran:
    """What a federation came to.

    Attributes:
        models: After each round, the start first.
        memory: Of the hub, after the last round.
        kept: Of each site, after the last round.
    """

    models: list[Model]
    memory: Arrays
    kept: dict[str, Tensors]


def federate(study: Study, sites: Mapping[str, Cohort], rounds: int) -> Ran:
    """Run `rounds` rounds over sites whose columns are taken as they are."""
    plain = Scaling(center=np.zeros(2), spread=np.ones(2), fill=np.zeros(2))
    plan = strategy(study)
    models, memory = [initial(study, plain)], Arrays()
    kept: dict[str, Tensors] = {site: {} for site in sites}
    for number in range(1, rounds + 1):
        model = models[-1]
        task = Task(study=study.sha256, round_no=number, kind="train", model="0" * 64)
        collected = plan.collector()
        for site in asked(study, number, sites):
            found = compute(task, study, replace(model, kept=kept[site]), sites[site], site)
            kept[site] = found.kept
            collected.add(release(found.tensors, found.patients, site))
        parameters, memory = plan.step(collected, model.parameters, memory)
        models.append(replace(model, parameters=parameters, control=told(study, memory)))
    return Ran(models=models, memory=memory, kept=kept)


def federate_updates(
    study: Study,
    sites: Mapping[str, Cohort],
    rounds: int,
    *,
    measured_on: Cohort | None = None,
    riders: Mapping[str, float] | None = None,
    repeats: float | None = None,
) -> list[Round]:
    """Return rounds to be divided, measured by the fall of the loss on a cohort if given.

    `riders` are sites that send noise beside the others, by its length over that of the mean
    update: zeros for 0. `repeats` adds one that sends the hub's last step again, as many times
    as long, from the second round on.
    """
    ran, found = federate(study, sites, rounds), list[Round]()
    steps: list[FlatF32] = []
    riders = riders or {}
    draw = np.random.default_rng([11, rounds])
    for number, model in enumerate(ran.models[:-1], 1):
        task = Task(study=study.sha256, round_no=number, kind="train", model="0" * 64)
        names = tuple(sorted(sites))
        updates = [
            update_schema(study).join(compute(task, study, model, sites[n], n).tensors)
            for n in names
        ]
        mean = np.mean(updates, axis=0)
        noise = draw.normal(size=(len(riders), mean.size))
        noise *= np.linalg.norm(mean) / np.linalg.norm(noise, axis=1, keepdims=True)
        sent = [row * share for row, share in zip(noise, riders.values(), strict=True)]
        rows = np.stack([*updates, *sent]).astype(np.float32)
        names = (*names, *riders)
        if repeats is not None and number > 1:
            rows = np.concatenate([rows, (steps[-1] * repeats)[None].astype(np.float32)])
            names = (*names, "repeats")
        judge = None if measured_on is None else _fall(model, measured_on)
        found.append(divided(names, rows, steps, judge))
        steps.append(ran.models[number].parameters - model.parameters)
    return found


def _fall(model: Model, held: Cohort) -> Callable[[FlatF32], float]:
    """Return how far the mean log loss on `held` falls when a step is taken."""
    examples = Examples(x=held.x, y=held.y, patients=len(held.y))
    trained, shape = recipe(model.study.recipe), inputs(model.study)
    before = loss(trained, model.parameters, examples, shape)

    def fall(step: FlatF32) -> float:
        return before - loss(trained, model.parameters + step, examples, shape)

    return fall


def release(
    tensors: Tensors, patients: int, site: str, *, round_no: int = 1, task: str = "t"
) -> Release:
    """Return a release with as much of a card as a hub's sums look at."""
    card = Card(
        kind="update", study="", round_no=round_no, task=task, site=site, schema="", sha256="",
        nbytes=0, patients=patients,
    )  # fmt: skip
    return Release(site, task, Artifact(card, tensors))
