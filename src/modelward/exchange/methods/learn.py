"""Learning from targets: labels, the predictions of others, or both at once.

One loop for every way in which a model of the exchange learns. A `Lesson` says, per example,
what the answer should be (a distribution over classes), what is added to the logits in
training and never in prediction (the log prior of logit adjustment, Menon et al. 2021), and
how much it counts. distil.py and weak.py make lessons; families/ compute.

Stochastic gradient descent with momentum; batches are drawn by name (seed), so the same
lesson gives the same bits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modelward.core.tensors import Tensors
from modelward.errors import TrainingFailed
from modelward.exchange.families.family import Draft, Family, Floats, Inputs
from modelward.exchange.methods.probability import Labels, prior, softmax


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """Examples with what is to be learnt from them.

    Attributes:
        x: Examples, [n, ...].
        target: Probabilities of the classes, [n, classes].
        offset: Added to the logits in training, [n, classes].
        weight: How much an example counts, [n].
    """

    x: Inputs
    target: Floats
    offset: Floats
    weight: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """How long and how fast.

    Attributes:
        epochs: Passes over the lesson.
        batch: Examples a step.
        rate: Learning rate at the start; falls to 0 along a cosine.
        momentum: In [0, 1).
        decay: Weight decay, not of biases.
    """

    epochs: int = 40
    batch: int = 32
    rate: float = 0.05
    momentum: float = 0.9
    decay: float = 1e-4


def labelled(x: Inputs, y: Labels, classes: int, *, balanced: bool = False) -> Lesson:
    """Return the lesson of plain labels.

    Args:
        x: Examples, [n, ...].
        y: Their classes.
        classes: How many there are.
        balanced: Add the log prior of the labels to the logits in training, so that the
            model learns about classes and not about how many of each were here.
    """
    offset = np.zeros((len(y), classes))
    if balanced:
        offset += np.log(prior(np.bincount(y, minlength=classes)))
    return Lesson(x, np.eye(classes)[y], offset, np.ones(len(y)))


def together(lessons: Sequence[Lesson]) -> Lesson:
    """Return all lessons as one."""
    return Lesson(
        np.concatenate([each.x for each in lessons]),
        np.concatenate([each.target for each in lessons]),
        np.concatenate([each.offset for each in lessons]),
        np.concatenate([each.weight for each in lessons]),
    )


def learn(
    family: Family, start: Tensors, lesson: Lesson, steps: Steps, seed: int, *, only: str = ""
) -> Draft:
    """Return the parameters after learning `lesson` from `start`; `start` is not changed.

    Args:
        family: What learns.
        start: Its parameters.
        lesson: What is learnt.
        steps: How long and how fast.
        seed: Of the batches.
        only: Prefix of the tensors that move; all if empty.

    Raises:
        TrainingFailed: If they are no longer finite.
    """
    now: Draft = {name: values.copy() for name, values in start.items()}
    moving: Draft = {
        name: np.zeros_like(values) for name, values in now.items() if name.startswith(only)
    }
    n = len(lesson.x)
    draw = np.random.default_rng([seed, 7])
    batches = max(1, n // steps.batch)
    for epoch in range(steps.epochs):
        order = draw.permutation(n)
        for number, rows in enumerate(np.array_split(order, batches)):
            done = (epoch * batches + number) / (steps.epochs * batches)
            rate = np.float32(steps.rate * 0.5 * (1 + np.cos(np.pi * done)))
            _step(family, now, moving, _some(lesson, rows), (steps, rate))
    _require_finite(now)
    return now


def _some(lesson: Lesson, rows: Labels) -> Lesson:
    return Lesson(lesson.x[rows], lesson.target[rows], lesson.offset[rows], lesson.weight[rows])


def _step(
    family: Family, now: Draft, moving: Draft, batch: Lesson, pace: tuple[Steps, np.float32]
) -> None:
    steps, rate = pace
    likely = softmax(family.logits(now, batch.x) + batch.offset)
    slope = (likely - batch.target) * batch.weight[:, None] / len(batch.x)
    for name, gradient in family.gradient(now, batch.x, slope).items():
        if name not in moving:
            continue
        moving[name] *= np.float32(steps.momentum)
        moving[name] += gradient
        if not name.endswith("bias"):
            moving[name] += np.float32(steps.decay) * now[name]
        now[name] -= rate * moving[name]


def _require_finite(tensors: Tensors) -> None:
    if not all(np.isfinite(values).all() for values in tensors.values()):
        raise TrainingFailed(
            "the model is no longer finite",
            why="a step that was too long made it NaN or infinite",
            remedy="lower the learning rate, and look for impossible values in the data",
        )
