"""`python -m bench.exchange.strong`: a pre-trained student of weak teachers, on real digits.

Three small sites (60 digits each, softmax regression) teach; the student is a convolutional
network whose first layers learnt to tell how an image was turned (Gidaris et al. 2018,
arXiv:1803.07728): unlabelled images and nothing else. It learns from the teachers' pool on the
shared set. Its ceiling is the same network with the true labels of that set. Whether it is
used is decided on 150 validation digits; the test set of 450 is looked at for the report.

From scratch is measured beside it, as METHODS says that it gains nothing.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_digits

from modelward.core.tensors import Tensors
from modelward.exchange.families.catalogue import load
from modelward.exchange.families.family import Draft, Floats, Inputs, Shape
from modelward.exchange.methods import weak
from modelward.exchange.methods.learn import Steps, labelled, learn
from modelward.exchange.methods.pool import Opinion, prior_corrected
from modelward.exchange.methods.probability import Labels, log_softmax

CLASSES, TEACHERS, SMALL = 10, 3, 60
SHAPE, TURNS = Shape((8, 8), CLASSES), Shape((8, 8), 4)
STUDENT, TEACHER = load("conv-16"), load("linear")
PHASE = Steps(epochs=6, rate=0.03)
WHOLE = Steps(epochs=60, rate=0.03)


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one seed: accuracies on the test set, and what validation decided.

    Attributes:
        weak: The teachers' pool.
        student: After learning from it.
        ceiling: After learning from true labels.
        scratch: A student that was not pre-trained.
        gap: Performance gap recovered, of the pre-trained student.
        stopped: Whether validation put the student aside.
        reason: Why, in words.
    """

    weak: float
    student: float
    ceiling: float
    scratch: float
    gap: float | None
    stopped: bool
    reason: str


def one(seed: int) -> Row:
    """Return the figures of one seed."""
    found = load_digits()
    x, y = (found.images / 8 - 1).astype(np.float32), found.target.astype(np.intp)
    order = np.random.default_rng([seed, 2]).permutation(len(y))
    test, valid, shared, rest = np.split(order, [450, 600, 1400])
    taught = [rest[n * SMALL : (n + 1) * SMALL] for n in range(TEACHERS)]
    models = [_teacher(x[rows], y[rows], seed) for rows in taught]

    def pool(images: Inputs) -> Floats:
        said = [log_softmax(TEACHER.logits(model, images)) for model in models]
        seen = [np.bincount(y[rows], minlength=CLASSES) * 1.0 for rows in taught]
        return prior_corrected([Opinion(p, n) for p, n in zip(said, seen, strict=True)])

    start = pretrained(x[shared], seed)
    student = weak.strengthen(STUDENT, start, x[shared], pool(x[shared]), PHASE, seed)
    fresh = STUDENT.initial(SHAPE, seed)
    scratch = weak.strengthen(STUDENT, fresh, x[shared], pool(x[shared]), PHASE, seed)
    true = learn(STUDENT, start, labelled(x[shared], y[shared], CLASSES), WHOLE, seed)

    def right(tensors: Tensors) -> float:
        return float((STUDENT.logits(tensors, x[test]).argmax(1) == y[test]).mean())

    low = float((pool(x[test]).argmax(1) == y[test]).mean())
    said = log_softmax(STUDENT.logits(student, x[valid]))
    judged = weak.judged(said, pool(x[valid]), y[valid], student)
    return Row(
        weak=low,
        student=right(student),
        ceiling=right(true),
        scratch=right(scratch),
        gap=weak.gap_recovered(right(student), low, right(true)),
        stopped=judged.stopped,
        reason=judged.choice.reason,
    )


def pretrained(images: Inputs, seed: int) -> Draft:
    """Return a student whose first layers know how images are turned; its last one is new."""
    turned = np.concatenate([np.rot90(images, k, axes=(1, 2)) for k in range(4)])
    turns = np.repeat(np.arange(4), len(images))
    lesson = labelled(np.ascontiguousarray(turned), turns, 4)
    learnt = learn(STUDENT, STUDENT.initial(TURNS, seed), lesson, Steps(epochs=15), seed)
    fresh = STUDENT.initial(SHAPE, seed)
    return {name: fresh[name] if name.startswith("out.") else learnt[name] for name in fresh}


def _teacher(x: Inputs, y: Labels, seed: int) -> Tensors:
    return learn(TEACHER, TEACHER.initial(SHAPE, seed), labelled(x, y, CLASSES), Steps(), seed)


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    rows = {}
    for seed in parser.parse_args(arguments).seeds:
        rows[seed] = row = one(seed)
        print(
            f"seed {seed}: weak {row.weak:.3f} student {row.student:.3f} from scratch"
            f" {row.scratch:.3f} ceiling {row.ceiling:.3f} gap recovered {row.gap or 0:+.2f}"
            f" {'stopped' if row.stopped else 'kept'}: {row.reason}"
        )
    gaps = [row.gap for row in rows.values() if row.gap is not None]
    print(f"gap recovered on average {np.mean(gaps):+.2f} over {len(gaps)} seeds")


if __name__ == "__main__":
    main(sys.argv[1:])
