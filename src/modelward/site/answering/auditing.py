"""A study's training put to the test: canaries, and members told by reference models.

    one-run audit   canaries (invented units) join one site's training by fair coins; from
                    all that the site would release, their coins are guessed (one_run.py)
    RMIA            the site's own units are told from held-out ones (references.py)

What is audited is one site, trained for the rounds of the study as if alone: a hub that
subtracts what others add sees exactly that. Two attackers guess, each with half of the error
of 5 %: one sees every update (white box: how far it goes along a canary's gradient), one
sees the last model only (how much a canary's loss has fallen). The better one counts.

Outcomes of every kind that is trained by rounds are audited (canaries.py says how each is
drawn and scored). Not audited are exact sums, which nothing bounds: statistics, lifetimes by
`cox` and `km`, numbers that are predicted (`glm`), Newton steps and trees.

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
from modelward.core.targets import CategoryTarget
from modelward.core.task import Task
from modelward.core.tensors import FlatF32
from modelward.errors import DataError
from modelward.privacy.leakage import membership, one_run, references
from modelward.privacy.leakage.membership import Membership
from modelward.privacy.leakage.one_run import Audit
from modelward.privacy.plan import plan_of
from modelward.readers.cohort import FOLDS, Cohort
from modelward.recipes.catalogue import recipe
from modelward.site.answering.answer import compute
from modelward.site.answering.canaries import LEAST, joined, likelihoods
from modelward.site.answering.canaries import canaries as invented
from modelward.site.answering.folds import examples
from modelward.site.budget.spending import Booked
from modelward.study.model import Model, initial, parameter_schema
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
    _require_rounds(study, cohort)
    draw = np.random.default_rng([seed, 0])
    coins = draw.random(canaries) < 0.5  # noqa: PLR2004 - a fair coin
    units = invented(study, canaries, draw)
    trained = list(_rounds(study, joined(cohort, units, coins), seed))
    scores = _along(study, trained, units), _fallen(trained, units)
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


WHY_NOT = {
    **dict.fromkeys(
        ("newton", "sums", "boosting"),
        "exact sums leave a site, which nothing bounds: what may leave is judged cell by cell",
    ),
    **dict.fromkeys(
        ("scaffold", "feddyn"),
        "updates depend on what a site keeps from round to round, which is not replayed here",
    ),
    **dict.fromkeys(
        ("fednova", "cyclic", "fedbuff"),
        "a site is audited as if alone, and what it says under this strategy depends on when, "
        "or with whom, it is asked",
    ),
}
"""Why the training of each other strategy is not audited."""


def _require_rounds(study: Study, cohort: Cohort) -> None:
    """Check that there are updates to audit.

    Raises:
        DataError: If there are none; with the reason.
    """
    if study.plan.strategy in WHY_NOT:
        outcome = f"an outcome of type {study.outcome.type!r}"
        raise DataError(
            f"there is nothing to audit in {study.id!r}, {outcome} with strategy = "
            f"{study.plan.strategy!r}",
            why=WHY_NOT[study.plan.strategy],
            remedy='audit a study with strategy = "fedavg" and a recipe that is trained',
        )
    if not cohort.count("train"):
        raise DataError(
            "there is nothing to audit: no training units",
            why="canaries join the units that a site trains on",
            remedy="audit a site with training units",
        )


def _rounds(study: Study, cohort: Cohort, seed: int) -> Iterator[Model]:
    """Yield the model before round 1 and after every round."""
    listed = columns(study)
    scaling = None
    if listed:
        scaling = from_sums(local_sums(cohort.fold("train")[0], listed), listed)
    model = initial(study, scaling)
    remembers = study.plan.local is not None and study.plan.local.memory is not None
    yield model
    for round_no in range(1, study.plan.rounds + 1):
        digest = sha256(model.parameters.tobytes()).hexdigest()
        task = Task(study=study.sha256, round_no=round_no, kind="train", model=digest)
        booked = _booked(study, seed)
        answer = compute(task, study, model, cohort, SITE, booked)
        moved = model.parameters + parameter_schema(study).join(answer.tensors)
        kept = answer.kept if remembers else {}
        model = replace(model, parameters=moved, kept=kept)
        yield model


def _booked(study: Study, seed: int) -> Booked | None:
    """Return what a budget would allow, with a key of this audit."""
    if study.privacy.dp is None:
        return None
    plan = plan_of(study)
    key = sha256(f"modelward-audit/1 {seed}".encode()).digest()
    return Booked(event=plan.training, statistics=plan.statistics, key=key, card={})


def _along(study: Study, trained: list[Model], units: Cohort) -> NDArray[np.float64]:
    """Return how far the updates go against the gradient of each canary's loss, summed."""
    found = np.zeros(len(units.y))
    for before, after in pairwise(trained):
        moved = (after.parameters - before.parameters).astype(np.float64)
        found -= _gradients_on(study, before, units) @ moved
    return found


def _gradients_on(study: Study, model: Model, units: Cohort) -> NDArray[np.float64]:
    """Return the gradient of each canary's loss at `model`, at length one, [n, size]."""
    known = examples(units, "train", model)
    flat: FlatF32 = model.parameters
    rows = recipe(study.recipe).row_gradients(flat, known.x, known.y, inputs(study), 0.0)
    found = np.empty((len(units.y), flat.size), np.float32)
    for start in range(0, len(units.y), BLOCK):
        block = np.arange(start, min(start + BLOCK, len(units.y)), dtype=np.int64)
        rows.gradients(block, np.random.default_rng(0), found[block[0] : block[-1] + 1])
    lengths = np.linalg.norm(found, axis=1, keepdims=True).astype(np.float64)
    unit: NDArray[np.float64] = found / np.maximum(lengths, 1e-30)
    return unit


def _fallen(trained: list[Model], units: Cohort) -> NDArray[np.float64]:
    """Return how much the loss of each canary has fallen from the first model to the last."""
    first, last = (np.maximum(likelihoods(m, units), LEAST) for m in (trained[0], trained[-1]))
    found: NDArray[np.float64] = np.log(last) - np.log(first)
    return found


def _told(study: Study, cohort: Cohort, seed: int) -> tuple[Membership, ...]:
    """Return RMIA on the site's own units, against two references on halves of them."""
    members = cohort.folds == FOLDS["train"]
    first = references.halves(len(cohort.y), np.random.default_rng([seed, 1]))
    chances = []
    for number, chosen in enumerate((members, first, ~first)):
        folds = np.where(chosen, FOLDS["train"], FOLDS["test"]).astype(np.int8)
        *_, last = _rounds(study, replace(cohort, folds=folds), seed + number)
        chances.append(likelihoods(last, cohort))
    found = references.told(chances[0], np.stack(chances[1:]), members, cohort.y)
    if inputs(study).outcome != "levels" or cohort.amount is None:
        return found
    assert isinstance(study.outcome, CategoryTarget)  # noqa: S101 - levels are of one
    doubt = 1.0 - references.scores(chances[0], np.stack(chances[1:]))
    each = (
        membership.attack(f"class {name}", doubt[members & own], doubt[~members & own])
        for place, name in enumerate(study.outcome.levels)
        for own in (cohort.amount == place,)
    )
    return *found, *(group for group in each if group is not None)
