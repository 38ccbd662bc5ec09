"""Balanced FENS: a small linear combiner over all models, trained where the data are.

After Allouah et al. 2024 (arXiv:2411.07182), linear form, with a class-balanced loss. Every
site has the predictions of all S models on its own private validation units:

    z = W [l_1 .. l_S] + b,   l clamped at -8,   W starts as averaging (1 / S)
    each site minimises CE(z + log pi_s, y): SGD 0.05, momentum 0.9, weight decay 1e-3,
    2 steps a round, 100 rounds; only W and b are exchanged and averaged

Models stay where they are; (S K + 1) K numbers travel a round. It has to be told whom to
leave out (trust.py): a liar with a seat here learns to be believed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from modelward.exchange.families.family import Floats
from modelward.exchange.probability import Labels, clamped, log_softmax, prior, softmax

RATE, MOMENTUM, DECAY, STEPS, ROUNDS = 0.05, 0.9, 1e-3, 2, 100


@dataclass(frozen=True, slots=True, eq=False)
class Combiner:
    """z = W l + b.

    Attributes:
        weight: [classes, models * classes].
        bias: [classes].
    """

    weight: Floats
    bias: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Learner:
    """One site's private validation units, as all models see them.

    Attributes:
        seen: Clamped log-probabilities of every model, [n, models * classes].
        y: Classes, [n].
        momentum: Of the site's own steps; it does not travel.
    """

    seen: Floats
    y: Labels
    momentum: Combiner


def columns(log_p: Sequence[Floats]) -> Floats:
    """Return the predictions of all models side by side, [n, models * classes]."""
    return np.concatenate([clamped(each) for each in log_p], axis=1)


def initial(models: int, classes: int) -> Combiner:
    """Return the combiner that averages log-probabilities."""
    weight = np.tile(np.eye(classes) / models, (1, models))
    return Combiner(weight, np.zeros(classes))


def learner(log_p: Sequence[Floats], y: Labels) -> Learner:
    """Return a site that is ready for the first round."""
    seen, classes = columns(log_p), log_p[0].shape[1]
    zero = Combiner(np.zeros((classes, seen.shape[1])), np.zeros(classes))
    return Learner(seen, y, zero)


def local_steps(combiner: Combiner, site: Learner) -> tuple[Combiner, Learner]:
    """Return the combiner after one site's steps of a round, and the site after them."""
    classes = combiner.bias.size
    offset = np.log(prior(np.bincount(site.y, minlength=classes)))
    truth = np.eye(classes)[site.y]
    moving = site.momentum
    for _ in range(STEPS):
        slope = (softmax(_logits(combiner, site.seen) + offset) - truth) / len(site.y)
        weight = slope.T @ site.seen + DECAY * combiner.weight
        moving = Combiner(
            MOMENTUM * moving.weight + weight, MOMENTUM * moving.bias + slope.sum(axis=0)
        )
        combiner = Combiner(
            combiner.weight - RATE * moving.weight, combiner.bias - RATE * moving.bias
        )
    return combiner, replace(site, momentum=moving)


def averaged(combiners: Sequence[Combiner]) -> Combiner:
    """Return the plain mean of the sites' combiners, in the order given."""
    return Combiner(
        np.mean([each.weight for each in combiners], axis=0),
        np.mean([each.bias for each in combiners], axis=0),
    )


def train(sites: Sequence[Learner], classes: int) -> Combiner:
    """Return the combiner after `ROUNDS` rounds among `sites`, all in one place.

    Over a mailbox each round is `local_steps` at every site and `averaged` at all of them.
    """
    combiner = initial(sites[0].seen.shape[1] // classes, classes)
    learners = list(sites)
    for _ in range(ROUNDS):
        moved = [local_steps(combiner, site) for site in learners]
        learners = [site for _, site in moved]
        combiner = averaged([each for each, _ in moved])
    return combiner


def combined(combiner: Combiner, log_p: Sequence[Floats]) -> Floats:
    """Return log-probabilities of the combination, [n, classes]."""
    return log_softmax(_logits(combiner, columns(log_p)))


def _logits(combiner: Combiner, seen: Floats) -> Floats:
    return np.asarray(seen @ combiner.weight.T + combiner.bias)
