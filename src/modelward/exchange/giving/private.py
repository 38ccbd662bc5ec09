"""Artifacts with a privacy bound for every patient: DP-SGD, and noised class means.

Abadi et al. 2016 (arXiv:1607.00133), per patient as in learn/dp.py, for the families and
lessons of the network:

    model, adapter   T steps: each patient is in by a coin (q), a patient's gradients are
                     averaged, clipped to C, summed, and noised by N(0, (sigma C)^2)
    predictions,     what a model that was trained so says of the shared set: nothing new is
    labels           told, so nothing new is booked
    prototypes       one sum over all patients of [x and 1, in the place of its class]

Sums are of whole numbers (privacy/mechanism.py), draws come from the site's secret. What is
done to patients is reserved and booked in the site's ledger before anything is drawn, in one
budget with all studies (site/budget/spending.py). The number of patients is treated as public.
The bands on the card are those of noised counts, one more event for the same patients.
Validation figures have no noise: they are on the card only where the policy opens the lane
`exact`, and the release then says `beside: exact`, so that the budget lists it among what has
no bound.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelward.core.canonical import canonical_bytes, canonical_hash
from modelward.core.tensors import Tensors
from modelward.errors import BadPrivacyTerms
from modelward.exchange.families.family import Draft, Family
from modelward.exchange.institution.examples import Examples
from modelward.exchange.institution.folder import Institution
from modelward.exchange.methods.learn import Lesson
from modelward.exchange.methods.probability import softmax
from modelward.privacy.accounting import Event
from modelward.privacy.budget import Proposal
from modelward.privacy.fitting import noise_for
from modelward.privacy.mechanism import ClippedSum, step_of
from modelward.privacy.noise import Secret, coins
from modelward.site.budget.spending import dp_key
from modelward.site.isolation.snapshot import keyed
from modelward.site.rooms.extractor import patient_key

STEPS, SAMPLING = 200, 0.2
RATE, MOMENTUM, CLIP = 0.2, 0.9, 1.0
"""Chosen on validation of the digits, not tuned further."""

PLACE = 2.0
"""What being of a class counts beside the values, relative to the length of an example."""

COUNTS_EPSILON = 1.0
"""What the numbers of patients of each class on a card cost one of them, once."""

BESIDE = {"beside": "exact"}
"""What a release with a bound says of exact figures on its card."""

Card = dict[str, str | int | float]
"""A privacy event as a card has it."""


@dataclass(frozen=True, slots=True, eq=False)
class Paid:
    """What may be done to patients, and the secret to do it with.

    Attributes:
        event: Booked.
        secret: Of this one result.
        card: The event as a card carries it.
        owner: Patient of each training example, from 0, [n].
    """

    event: Event
    secret: Secret
    card: Card
    owner: NDArray[np.intp]


def pay(
    here: Institution, own: Examples, epsilon: float, what: dict[str, str | int], steps: int
) -> Paid:
    """Reserve and book an event of at most `epsilon` for all patients of the training data.

    Args:
        here: Whose patients.
        own: The examples.
        epsilon: What it may tell about one of them, at the policy's delta.
        what: Names everything else that the result depends on. What is drawn is named by the
            event too: noise of one stream at two strengths would be solved for the sums.
        steps: Noised sums; one of them looks at everybody, several at samples.

    Raises:
        BudgetExceeded: If a patient cannot afford it.
        BadPrivacyTerms: If the bound would mean nothing for so many patients.
        StorageError: If it cannot be recorded.
    """
    ids, owner = np.unique(own.persons, return_inverse=True)
    delta, most = here.policy.delta, 0.1 / len(ids)
    if delta > most or not 0 < epsilon < np.inf:
        raise BadPrivacyTerms(
            f"epsilon {epsilon:g} at delta {delta:g}; for {len(ids)} patients delta is at most"
            f" {most:.2g}, and epsilon is above 0",
            why="at delta = 1/N, releasing one patient outright would satisfy the bound",
            remedy="give an epsilon above 0, and set [privacy] delta in policy.toml",
        )
    sampling = 1.0 if steps == 1 else SAMPLING
    event = Event(sampling, noise_for(epsilon, delta, sampling=sampling, steps=steps), steps)
    question = here.question.sha256
    drawn = {"sampling": event.sampling, "noise": event.noise, "steps": event.steps}
    asked = canonical_hash({**what, **drawn, "question": question, "examples": own.digest})
    key = patient_key(here.site / "patients.key")
    proposal = Proposal(
        reservation=f"{question}/{what['kind']}/{asked[:16]}",
        study=question,
        patients=tuple(sorted(keyed(key, str(each)) for each in ids)),
        events=(event,),
    )
    card = dict(here.spending.once(proposal, asked))
    named = hmac.digest(
        dp_key(here.site / "dp.key"), canonical_bytes([question, own.digest]), "sha256"
    )
    return Paid(event, Secret(named, ("network", asked)), card, owner.reshape(-1))


def counts(here: Institution, own: Examples, classes: int) -> NDArray[np.intp]:
    """Return noised numbers of patients of each class, none below 0, [classes].

    Booked when they are first asked for; the same examples give the same numbers again.

    Raises:
        BudgetExceeded: If a patient cannot afford them.
        BadPrivacyTerms: If the bound would mean nothing for so many patients.
        StorageError: If it cannot be recorded.
    """
    paid = pay(here, own, COUNTS_EPSILON, {"kind": "counts"}, 1)
    total = ClippedSum(classes, 1.0)
    for patient in range(int(paid.owner.max()) + 1):
        held = own.y[paid.owner == patient]
        share = np.bincount(held, minlength=classes) / held.size
        total.add(share.astype(np.float32)[None])
    noised = total.noised(paid.event.noise, paid.secret.stream("noise", 0))
    return np.maximum(np.rint(noised), 0).astype(np.intp)


def bounded(privacy: Mapping[str, str | int | float]) -> bool:
    """Return whether a privacy event is one with a bound."""
    return privacy.get("mechanism") == "gaussian"


def learn(
    family: Family, start: Tensors, lesson: Lesson, paid: Paid, *, only: str = ""
) -> Draft:
    """Return the parameters after T noised steps from `start`; `start` is not changed.

    Args:
        family: What learns.
        start: Its parameters; nobody's data are in them, or they are foreign.
        lesson: What is learnt.
        paid: What was booked.
        only: Prefix of the tensors that move; all if empty.
    """
    now: Draft = {name: values.copy() for name, values in start.items()}
    names = [name for name in sorted(now) if name.startswith(only)]
    size = sum(now[name].size for name in names)
    patients = int(paid.owner.max()) + 1
    expected, velocity = paid.event.sampling * patients, np.zeros(size, np.float32)
    rows_of = [np.flatnonzero(paid.owner == each) for each in range(patients)]
    for step in range(paid.event.steps):
        tossed = coins(paid.secret.stream("sample", step), patients, paid.event.sampling)
        total = ClippedSum(size, CLIP)
        for patient in np.flatnonzero(tossed):
            total.add(_gradient(family, now, lesson, rows_of[patient], names)[None])
        noised = total.noised(paid.event.noise, paid.secret.stream("noise", step))
        velocity = np.float32(MOMENTUM) * velocity + step_of(noised, expected)
        _move(now, names, np.float32(RATE * (1 - step / paid.event.steps)) * velocity)
    return now


def prototypes(own: Examples, classes: int, paid: Paid, least: int) -> Draft:
    """Return class means from one noised sum, zero for classes with too few units in it.

    Args:
        own: The examples; those of one patient are averaged first.
        classes: How many there are.
        paid: What was booked: one sum over everybody.
        least: Noised units below which a class is left out.
    """
    flat = own.x.reshape(len(own.x), -1).astype(np.float32)
    width = flat.shape[1]
    unit = np.float32(width**0.5)  # an example within -1 .. 1 is no longer than that
    total = ClippedSum(classes * (width + 1), float(unit * (1 + PLACE**2) ** 0.5))
    for patient in range(int(paid.owner.max()) + 1):
        vector = np.zeros((1, classes, width + 1), np.float32)
        rows = np.flatnonzero(paid.owner == patient)
        for row in rows:
            vector[0, own.y[row], :width] += flat[row] / len(rows)
            vector[0, own.y[row], width] += unit * PLACE / len(rows)
        total.add(vector.reshape(1, -1))
    noised = total.noised(paid.event.noise, paid.secret.stream("noise", 0))
    sums = noised.reshape(classes, width + 1)
    units = sums[:, width] / (unit * PLACE)
    means = np.where(
        units[:, None] >= least, sums[:, :width] / np.maximum(units, 1)[:, None], 0
    )
    # The spread would be a second look: the length of an example's half range stands for it.
    return {
        "means": np.clip(means, -1, 1).astype(np.float32),
        "spread": np.array([unit / 2], np.float32),
    }


def _gradient(
    family: Family, now: Tensors, lesson: Lesson, rows: NDArray[np.intp], names: list[str]
) -> NDArray[np.float32]:
    """Return the mean gradient of one patient's examples over the tensors `names`, flat."""
    x = lesson.x[rows]
    likely = softmax(family.logits(now, x) + lesson.offset[rows])
    slope = (likely - lesson.target[rows]) * lesson.weight[rows, None] / len(rows)
    found = family.gradient(now, x, slope)
    return np.concatenate([found[name].reshape(-1) for name in names]).astype(np.float32)


def _move(now: Draft, names: list[str], by: NDArray[np.float32]) -> None:
    start = 0
    for name in names:
        stop = start + now[name].size
        now[name] -= by[start:stop].reshape(now[name].shape)
        start = stop
