"""Weak to strong: a pre-trained student learns from weak teachers, and may outgrow them.

Burns et al. 2023 (arXiv:2312.09390), section 4.3 and appendix A.4, auxiliary confidence loss:

    L = (1 - a) CE(f, q) + a CE(f, hard f)

q are the weak teachers' probabilities, hard f is what the student itself answers, with the
thresholds set so that classes stay as frequent as the teachers say; a grows from 0 to at most
`MOST` over the first fifth of the steps. The student must be pre-trained: from scratch it
gained nothing, so that is refused.

What was gained is reported as performance gap recovered,

    PGR = (student - weak) / (ceiling - weak)

and whether the student is used is decided by private validation alone: where it is not shown to
be better than its teachers, it stops and the teachers stay.
"""

from dataclasses import dataclass

import numpy as np

from modelward.core.tensors import Tensors
from modelward.errors import BadArtifact
from modelward.exchange.families.family import Draft, Family, Floats, Inputs
from modelward.exchange.methods.choose import LOCAL, Choice, choose
from modelward.exchange.methods.evidence import Evidence
from modelward.exchange.methods.learn import Lesson, Steps, learn
from modelward.exchange.methods.probability import Labels, log_softmax

RAMP = 0.2
"""Share of the phases over which a grows."""

MOST = 0.5
"""Largest weight of the student's own answers."""

PHASES = 10
"""How often the student's own answers are taken anew."""


@dataclass(frozen=True, slots=True, eq=False)
class Strong:
    """What became of a student.

    Attributes:
        tensors: Its parameters.
        choice: Whether it is shown to be better than its teachers, on private validation.
        stopped: Whether it is put aside.
    """

    tensors: Tensors
    choice: Choice
    stopped: bool


def gap_recovered(student: float, weak: float, ceiling: float) -> float | None:
    """Return the share of the gap that was recovered; None where there is no gap.

    >>> round(gap_recovered(0.85, 0.7, 0.9), 2)
    0.75
    """
    return (student - weak) / (ceiling - weak) if ceiling > weak else None


def require_pretrained(start: Tensors, family: Family, shape_seeded: Tensors) -> None:
    """Raise BadArtifact if a student is nothing but a fresh start of its family.

    Args:
        start: Its parameters.
        family: Its family.
        shape_seeded: What the family starts with for the same shape and seed.
    """
    if all(np.array_equal(start[name], shape_seeded[name]) for name in shape_seeded):
        raise BadArtifact(
            f"the student ({family.name}) is not pre-trained",
            why="from scratch, weak-to-strong training gained nothing where it was measured",
            remedy="train the student first, on other labels or on a related question",
        )


def strengthen(
    family: Family, start: Tensors, shared: Inputs, weak: Floats, steps: Steps, seed: int
) -> Draft:
    """Return the student after learning from weak teachers and from itself.

    Args:
        family: The student's family.
        start: Its pre-trained parameters.
        shared: Examples without labels, [n, ...].
        weak: Log-probabilities of the teachers on them, [n, classes].
        steps: `epochs` are those of one phase.
        seed: Of the batches.
    """
    taught, now = np.exp(weak), dict(start)
    for phase in range(PHASES):
        a = MOST * min(1.0, phase / max(1.0, RAMP * PHASES))
        own = hardened(log_softmax(family.logits(now, shared)), taught)
        lesson = Lesson(
            shared, (1 - a) * taught + a * own, np.zeros_like(taught), np.ones(len(shared))
        )
        now = learn(family, now, lesson, steps, seed + phase)
    return now


def hardened(log_p: Floats, taught: Floats) -> Floats:
    """Return the student's own answers as whole choices, [n, classes].

    Logits are moved per class until classes are chosen as often as the teachers' mean
    probability says (appendix A.4: adaptive thresholds); without that the answers collapse
    into the most frequent class.
    """
    wanted, moved = taught.mean(axis=0), np.zeros(log_p.shape[1])
    for _ in range(50):
        likely = np.exp(log_softmax(log_p + moved))
        moved += np.log(np.maximum(wanted, 1e-6)) - np.log(
            np.maximum(likely.mean(axis=0), 1e-6)
        )
    return np.asarray(np.eye(log_p.shape[1])[(log_p + moved).argmax(axis=1)])


def judged(student: Floats, weak: Floats, y: Labels, tensors: Tensors) -> Strong:
    """Return whether the student is kept, on private validation.

    Args:
        student: Its log-probabilities on the validation units.
        weak: Its teachers'.
        y: Classes of the units.
        tensors: Its parameters.
    """
    right = {
        name: Evidence((log_p.argmax(axis=1) == y).astype(np.float64), {})
        for name, log_p in (("student", student), (LOCAL, weak))
    }
    found = choose(right, y, student.shape[1])
    return Strong(tensors, found, stopped=not found.adopted)
