"""What the network is held against, on the same sites: pooled, FedAvg, gossip, naive merging.

All three use one architecture everywhere (`conv-8`), as they must. FedAvg and gossip have 20
rounds of five local epochs; the wrong site takes part in all of them, as nobody leaves it out.
"""

import numpy as np

from bench.exchange.data import Setting
from modelward.core.tensors import Tensors
from modelward.exchange.families.catalogue import load
from modelward.exchange.families.family import Draft, Floats, Inputs
from modelward.exchange.methods.learn import Steps, labelled, learn
from modelward.exchange.methods.probability import log_softmax

FAMILY = load("conv-8")
ROUNDS = 20
LOCAL_STEPS = Steps(epochs=5)


def pooled(setting: Setting, seed: int, x: Inputs) -> Floats:
    """Return the answers of one model on all training images in one place."""
    images = np.concatenate([site.x for site in setting.sites])
    labels = np.concatenate([site.y for site in setting.sites])
    lesson = labelled(images, labels, setting.shape.classes)
    model = learn(FAMILY, FAMILY.initial(setting.shape, seed), lesson, Steps(), seed)
    return log_softmax(FAMILY.logits(model, x))


def fedavg(setting: Setting, seed: int, x: Inputs) -> Floats:
    """Return the answers of averaged local training (McMahan et al. 2017)."""
    model: Tensors = FAMILY.initial(setting.shape, seed)
    sizes = np.array([len(site.y) for site in setting.sites], np.float64)
    for round_no in range(ROUNDS):
        moved = [_local(setting, j, model, seed + 100 * round_no) for j in range(len(sizes))]
        model = _mean(moved, sizes)
    return log_softmax(FAMILY.logits(model, x))


def gossip(setting: Setting, seed: int, x: Inputs) -> list[Floats]:
    """Return each site's answers after averaging with one random peer a round."""
    draw = np.random.default_rng([seed, 9])
    count = len(setting.sites)
    models: list[Tensors] = [FAMILY.initial(setting.shape, seed + j) for j in range(count)]
    for round_no in range(ROUNDS):
        models = [
            _local(setting, j, model, seed + 100 * round_no) for j, model in enumerate(models)
        ]
        order = draw.permutation(count)
        for left, right in zip(order[::2], order[1::2], strict=True):
            models[left] = models[right] = _mean([models[left], models[right]], np.ones(2))
    return [log_softmax(FAMILY.logits(model, x)) for model in models]


def fedavg_bytes(setting: Setting) -> int:
    """Return what one site sends in FedAvg, all rounds."""
    return ROUNDS * FAMILY.schema(setting.shape).nbytes


def _local(setting: Setting, j: int, start: Tensors, seed: int) -> Draft:
    site = setting.sites[j]
    lesson = labelled(site.x, site.y, setting.shape.classes)
    return learn(FAMILY, start, lesson, LOCAL_STEPS, seed + j)


def _mean(models: list[Tensors] | list[Draft], weights: Floats) -> Draft:
    shares = weights / weights.sum()
    return {
        name: sum(
            (
                model[name] * np.float32(share)
                for model, share in zip(models, shares, strict=True)
            ),
            start=np.zeros_like(models[0][name]),
        )
        for name in models[0]
    }
