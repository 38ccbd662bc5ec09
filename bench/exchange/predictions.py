"""`python -m bench.exchange.predictions`: three institutions, three families, predictions only.

Digits are dealt to three sites by Dirichlet(0.3) per class. Each trains its own family, and
sends nothing but its predictions on the shared set of 300 images, one byte a class, its own
class prior taken out. Each then teaches a student of its own family with the pool of the
three and its own labels. What is compared on the common test of 450 is that student with the
local model, paired; bytes are those of the bundle that leaves, beside those of FedAvg.
"""

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from bench.exchange import baselines
from bench.exchange.data import setting
from modelward.artifact import bundle
from modelward.exchange.families.catalogue import load
from modelward.exchange.families.family import Floats
from modelward.exchange.listening.candidates import STUDY
from modelward.exchange.methods.distil import distil, lesson
from modelward.exchange.methods.learn import Steps, labelled, learn
from modelward.exchange.methods.pool import Opinion, corrected
from modelward.exchange.methods.probability import log_softmax, quantised, restored

FAMILIES = ("linear", "mlp-64", "conv-8")
DRAWS = 1000


def one(seed: int) -> tuple[list[tuple[float, float, float, float]], int, int]:
    """Return per site (local, student, low, high of the difference), and bytes.

    Returns:
        The figures, bytes of predictions a site sends, bytes of FedAvg a site sends.
    """
    made = setting("digits", seed, sites=len(FAMILIES), wrong=False)
    shape, (x, y) = made.shape, made.test
    families = [load(name) for name in FAMILIES]
    models = [
        learn(f, f.initial(shape, seed), labelled(s.x, s.y, shape.classes), Steps(), seed + j)
        for j, (f, s) in enumerate(zip(families, made.sites, strict=True))
    ]
    sent = []
    for family, model, site in zip(families, models, made.sites, strict=True):
        seen = np.bincount(site.y, minlength=shape.classes).astype(np.float64)
        said = Opinion(log_softmax(family.logits(model, made.shared)), seen)
        sent.append(quantised(log_softmax(corrected(said))))
    taught = log_softmax(np.logaddexp.reduce([restored(levels) for levels in sent], axis=0))
    rows = []
    for j, (family, model, site) in enumerate(zip(families, models, made.sites, strict=True)):
        taken = lesson(made.shared, taught, site.x, site.y)
        student = distil(family, model, taken, STUDY, seed + j)
        right = [
            (family.logits(each, x).argmax(1) == y).astype(np.float64)
            for each in (model, student)
        ]
        rows.append((float(right[0].mean()), float(right[1].mean()), *_paired(right, seed)))
    nbytes = max(len(bundle.to_bytes({"levels": levels})) for levels in sent)
    return rows, nbytes, baselines.fedavg_bytes(made)


def _paired(right: list[Floats], seed: int) -> tuple[float, float]:
    """Return the ends of the paired 95 % interval of student minus local."""
    draw, apart = np.random.default_rng([seed, 6]), right[1] - right[0]
    means = apart[draw.integers(0, apart.size, (DRAWS, apart.size))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    seeds = parser.parse_args(arguments).seeds
    better = dict.fromkeys(FAMILIES, 0)
    nbytes = averaged = 0
    for seed in seeds:
        rows, nbytes, averaged = one(seed)
        for name, (local, student, low, high) in zip(FAMILIES, rows, strict=True):
            better[name] += low > 0
            print(
                f"seed {seed} {name:<7} local {local:.3f} student {student:.3f}"
                f"  {100 * low:+.1f} to {100 * high:+.1f} points",
                flush=True,
            )
    print(f"better, interval above zero: {better} of {len(seeds)} seeds")
    print(f"bytes a site sends: {nbytes:,} of predictions; {averaged:,} in FedAvg of conv-8")


if __name__ == "__main__":
    main(sys.argv[1:])
