"""A study's training put to the test: canaries, and members told by reference models.

    one-run audit   canaries (invented units) join one site's training by fair coins; from
                    all that the site would release, their coins are guessed (one_run.py)
    RMIA            the site's own units are told from held-out ones (references.py)

What is audited is one site, trained for the rounds of the study as if alone: a hub that
subtracts what others add sees exactly that. Two attackers guess, each with half of the error
of 5 %: one sees every update (white box: how far it goes along a canary's gradient), one
sees the last model only (how much a canary's loss has fallen). The better one counts.

Nothing leaves anywhere here and no budget is charged: it runs where the data are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import columns, inputs
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.tensors import FlatF32
from modelward.errors import DataError
from modelward.learn.invented import invented
from modelward.privacy.leakage import membership, one_run, references
from modelward.privacy.leakage.membership import Membership
from modelward.privacy.leakage.one_run import Audit
from modelward.privacy.plan import plan_of
from modelward.readers.cohort import FOLDS, Cohort
from modelward.recipes.catalogue import recipe
from modelward.site.answer import compute
from modelward.site.spending import Booked
from modelward.study.model import Model, initial, parameter_schema
from modelward.study.outcome import chances
from modelward.study.scaling import from_sums, local_sums

SITE = "audited"
BLOCK = 64
"""Canaries whose gradients exist at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What was found about one site's training.

    Attributes:
        claimed: Epsilon that the study claims for a site; None where it claims none.
        updates: The attacker who sees every update.
        model: The attacker who sees the last model.
        membership: Members told by reference models, over all and by outcome.
    """

    claimed: float | None
    updates: Audit
    model: Audit
    membership: tuple[Membership, ...]

    @property
    def best(self) -> Audit:
        """The attacker who showed more."""
        return max(self.updates, self.model, key=lambda audit: audit.low)

    @property
    def contradicted(self) -> bool:
        """Whether more is surely told than the study claims: a fault that stops it."""
        return self.claimed is not None and self.best.contradicts(self.claimed)


def audit(study: Study, cohort: Cohort, *, canaries: int, seed: int) -> Audited:
    """Return what training `study` at a site with `cohort` gives away.

    Args:
        study: The study; trained by rounds, not by Newton steps.
        cohort: The site's units; held-out ones are those for validation and test.
        canaries: Invented units whose coins are tossed, at least 20.
        seed: Of coins, canaries, halves and noise: an audit is repeated bit by bit.

    Raises:
        DataError: If the study has no updates to audit, or too few units.
    """
    if study.plan.strategy != "fedavg" or not cohort.count("train"):
        raise DataError(
            "there is nothing to audit: sums without noise, or no training units",
            why="an audit bounds what noised or averaged training gives away; exact sums"
            " are unbounded as it is",
            remedy='audit a study with strategy = "fedavg", on a site with training units',
        )
    if inputs(study).outcome != "yes-no":
        raise DataError(
            f"the outcome of study {study.id!r} is of type {study.outcome.type!r}",
            why="canaries are invented units with the answer yes or no",
            remedy="audit the same study with a boolean target",
        )
    draw = np.random.default_rng([seed, 0])
    coins = draw.random(canaries) < 0.5  # noqa: PLR2004 - a fair coin
    invented = _canaries(study, canaries, draw)
    trained = list(_rounds(study, _joined(cohort, invented, coins), seed))
    scores = _along(study, trained, invented), _fallen(trained, invented)
    dp = study.privacy.dp
    each = 1.0 - (1.0 - one_run.CONFIDENCE) / len(scores)
    found = [
        one_run.one_run(coins, each_score, delta=dp.delta if dp else 0.0, confidence=each)
        for each_score in scores
    ]
    return Audited(
        claimed=dp.epsilon if dp else None,
        updates=found[0],
        model=found[1],
        membership=_told(study, cohort, seed),
    )


def _canaries(study: Study, count: int, draw: np.random.Generator) -> Cohort:
    """Return units as unlike patients as the study's ranges allow, with outcomes by lot."""
    if inputs(study).kind != "table":
        x = invented(inputs(study), count, draw)
    else:
        listed = columns(study)
        ends = np.array([[column.low, column.high] for column in listed])
        x = ends[np.arange(len(listed)), draw.integers(0, 2, (count, len(listed)))]
    y = draw.integers(0, 2, count).astype(np.int8)
    return Cohort(x=x, y=y, folds=np.zeros(count, np.int8))


def _joined(cohort: Cohort, invented: Cohort, coins: NDArray[np.bool_]) -> Cohort:
    """Return `cohort` with the canaries whose coins say so in training, each a patient."""
    added = int(np.count_nonzero(coins))
    owner = np.arange(len(cohort.y)) if cohort.owner is None else cohort.owner
    first = int(owner.max()) + 1
    return Cohort(
        x=np.concatenate([cohort.x, invented.x[coins].astype(cohort.x.dtype)]),
        y=np.concatenate([cohort.y, invented.y[coins]]),
        folds=np.concatenate([cohort.folds, invented.folds[coins]]),
        owner=np.concatenate([owner, first + np.arange(added)]),
    )


def _rounds(study: Study, cohort: Cohort, seed: int) -> Iterator[Model]:
    """Yield the model before round 1 and after every round."""
    listed = columns(study)
    scaling = None
    if listed:
        scaling = from_sums(local_sums(cohort.fold("train")[0], listed), listed)
    model = initial(study, scaling)
    yield model
    for round_no in range(1, study.plan.rounds + 1):
        digest = sha256(model.parameters.tobytes()).hexdigest()
        task = Task(study=study.sha256, round_no=round_no, kind="train", model=digest)
        booked = _booked(study, seed)
        update = compute(task, study, model, cohort, SITE, booked).tensors
        moved = model.parameters + parameter_schema(study).join(update)
        model = replace(model, parameters=moved)
        yield model


def _booked(study: Study, seed: int) -> Booked | None:
    """Return what a budget would allow, with a key of this audit."""
    if study.privacy.dp is None:
        return None
    plan = plan_of(study)
    key = sha256(f"modelward-audit/1 {seed}".encode()).digest()
    return Booked(event=plan.training, statistics=plan.statistics, key=key, card={})


def _along(study: Study, trained: list[Model], invented: Cohort) -> NDArray[np.float64]:
    """Return how far the updates go against the gradient of each canary's loss, summed."""
    found = np.zeros(len(invented.y))
    for before, after in pairwise(trained):
        moved = (after.parameters - before.parameters).astype(np.float64)
        found -= _gradients_on(study, before, invented) @ moved
    return found


def _gradients_on(study: Study, model: Model, units: Cohort) -> NDArray[np.float64]:
    """Return the gradient of each unit's loss at `model`, at length one, [n, size]."""
    x = units.x if model.scaling is None else model.scaling.apply(units.x)
    flat: FlatF32 = model.parameters
    rows = recipe(study.recipe).row_gradients(flat, x, units.y, inputs(study), 0.0)
    found = np.empty((len(units.y), flat.size), np.float32)
    for start in range(0, len(units.y), BLOCK):
        block = np.arange(start, min(start + BLOCK, len(units.y)), dtype=np.int64)
        rows.gradients(block, np.random.default_rng(0), found[block[0] : block[-1] + 1])
    lengths = np.linalg.norm(found, axis=1, keepdims=True).astype(np.float64)
    unit: NDArray[np.float64] = found / np.maximum(lengths, 1e-30)
    return unit


def _fallen(trained: list[Model], invented: Cohort) -> NDArray[np.float64]:
    """Return how much the loss of each canary has fallen from the first model to the last."""
    return _losses(trained[0], invented) - _losses(trained[-1], invented)


def _losses(model: Model, units: Cohort) -> NDArray[np.float64]:
    return membership.losses(_chances(model, units), np.ones(len(units.y), np.int8))


def _chances(model: Model, units: Cohort) -> NDArray[np.float64]:
    """Return the probability that `model` gives to what really happened, [n]."""
    x = units.x if model.scaling is None else model.scaling.apply(units.x)
    p = chances(model.study, model.parameters, x)
    found: NDArray[np.float64] = np.where(units.y == 1, p, 1.0 - p)
    return found


def _told(study: Study, cohort: Cohort, seed: int) -> tuple[Membership, ...]:
    """Return RMIA on the site's own units, against two references on halves of them."""
    members = cohort.folds == FOLDS["train"]
    first = references.halves(len(cohort.y), np.random.default_rng([seed, 1]))
    chances = []
    for number, chosen in enumerate((members, first, ~first)):
        folds = np.where(chosen, FOLDS["train"], FOLDS["test"]).astype(np.int8)
        *_, last = _rounds(study, replace(cohort, folds=folds), seed + number)
        chances.append(_chances(last, cohort))
    return references.told(chances[0], np.stack(chances[1:]), members, cohort.y)
