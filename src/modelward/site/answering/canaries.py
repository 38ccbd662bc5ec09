"""Invented units that join a site's training for an audit, and how likely outcomes are.

A canary is as unlike patients as the study's ranges allow, and its outcome is drawn by lot:

    yes-no      a yes or a no
    levels      one of the levels
    intervals   the event on some day up to the horizon, or none until then
    mask        each pixel drawn, or not

`likelihoods` gives the probability of what really happened to a unit under a model, which is
what both attacks of auditing.py compare: of the outcome, of the level, of the event in its
interval (or of none in the whole intervals that were survived), and of a mask the geometric
mean over its pixels, which does not fall with the size of the image.
"""

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import columns, inputs
from modelward.core.study import Study
from modelward.core.targets import CategoryTarget, TimeToEventTarget
from modelward.learn.invented import invented
from modelward.readers.cohort import FOLDS, Cohort
from modelward.site.answering.folds import examples
from modelward.study.model import Model
from modelward.study.outcome import outputs

LEAST = 1e-12

Floats = NDArray[np.float64]


def canaries(study: Study, count: int, draw: np.random.Generator) -> Cohort:
    """Return `count` invented units for training, with outcomes by lot."""
    shape, outcome = inputs(study), study.outcome
    if shape.kind != "table":
        x = invented(shape, count, draw)
    else:
        listed = columns(study)
        ends = np.array([[column.low, column.high] for column in listed])
        x = ends[np.arange(len(listed)), draw.integers(0, 2, (count, len(listed)))]
    y = draw.integers(0, 2, count).astype(np.int8)
    amount, masks = None, None
    if shape.outcome == "levels" and isinstance(outcome, CategoryTarget):
        amount = draw.integers(0, shape.levels, count).astype(np.float64)
        y = np.asarray(np.isin(amount, list(outcome.counts_as_yes)), np.int8)
    if isinstance(outcome, TimeToEventTarget):
        days = draw.integers(1, int(outcome.horizon) + 1, count).astype(np.float64)
        amount = np.where(y == 1, days, float(outcome.horizon))
    if shape.outcome == "mask":
        masks = draw.integers(0, 2, x.shape).astype(np.uint8)
        y = np.asarray(masks.reshape(count, -1).any(1), np.int8)
    folds = np.full(count, FOLDS["train"], np.int8)
    return Cohort(x=x, y=y, folds=folds, amount=amount, masks=masks)


def joined(cohort: Cohort, invented: Cohort, coins: NDArray[np.bool_]) -> Cohort:
    """Return `cohort` with the canaries whose coins say so, each a patient of its own."""
    added = int(np.count_nonzero(coins))
    owner = np.arange(len(cohort.y)) if cohort.owner is None else cohort.owner
    first = int(owner.max()) + 1
    amount, masks = None, None
    if cohort.amount is not None and invented.amount is not None:
        amount = np.concatenate([cohort.amount, invented.amount[coins]])
    if cohort.masks is not None and invented.masks is not None:
        masks = np.concatenate([cohort.masks, invented.masks[coins]])
    return Cohort(
        x=np.concatenate([cohort.x, invented.x[coins].astype(cohort.x.dtype)]),
        y=np.concatenate([cohort.y, invented.y[coins]]),
        folds=np.concatenate([cohort.folds, invented.folds[coins]]),
        owner=np.concatenate([owner, first + np.arange(added)]),
        amount=amount,
        masks=masks,
    )


def likelihoods(model: Model, units: Cohort) -> Floats:
    """Return the probability that `model` gives to what really happened to each unit, [n]."""
    everyone = Cohort(
        x=units.x,
        y=units.y,
        folds=np.full(len(units.y), FOLDS["train"], np.int8),
        amount=units.amount,
        masks=units.masks,
    )
    known = examples(everyone, "train", model)
    p = outputs(model.study, model.parameters, known.x)
    return _of_truth(inputs(model.study).outcome, p, known.y)


def _of_truth(outcome: str, p: Floats, y: NDArray[np.generic]) -> Floats:
    """Return what the outputs `p` of a recipe say of the outcomes `y`; see the header."""
    rows = np.arange(len(y))
    found: Floats
    if outcome == "levels":
        found = p[rows, y.astype(np.int64)]
    elif outcome == "intervals":
        event, place = y[:, 0] == 1, y[:, 1].astype(np.int64)
        come = np.concatenate([np.zeros((len(y), 1)), p], axis=1)  # by the start of each
        until = np.minimum(place + 1, p.shape[1])
        found = np.where(event, come[rows, until], 1.0) - come[rows, place]
    else:
        found = np.where(y == 1, p, 1.0 - p)
    if outcome == "mask":
        each = np.log(np.maximum(found, LEAST)).reshape(len(y), -1)
        found = np.exp(each.mean(1))
    return found
