"""Looks at what would go on offer, with own examples at hand; figures out, no values. Pure.

The tests are those of answers to studies (privacy/leakage/), asked of the five kinds:

    copies       own examples word for word, in every kind, and in a combiner (combining.py)
    inversion    own examples that the change of a first layer gives away: against the start
                 that the seed names, or the base of an adapter, both of which others have
    traps        units of an adapter's foreign base that fire for one own example alone
    likeness     rows like an own example; of prototypes, what they are beside the own mean
    means        of prototypes: whether they are means of own classes, and of how many persons
    membership   whether the loss tells trained examples from held-out ones, for all and per
                 class. Predictions and weak labels are asked through a student that they
                 teach, because that is what whoever has them can ask

Own examples are the training ones; validation is what a model must not tell them from. At an
institution this runs in a process of its own (inspector.py); the gate decides (gate/leaks.py).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from modelward.core.tensors import Tensors
from modelward.exchange.documents.card import Kind, Made
from modelward.exchange.documents.content import Voice, adapted, family_of, spoken_by
from modelward.exchange.documents.question import Question
from modelward.exchange.families.family import Floats, Inputs
from modelward.exchange.institution import class_means
from modelward.exchange.institution.examples import Examples
from modelward.exchange.methods.probability import Labels
from modelward.privacy.leakage import inversion, membership
from modelward.privacy.leakage.copies import Passages
from modelward.privacy.leakage.figures import Inspection
from modelward.privacy.leakage.inversion import Likeness, Whitened
from modelward.privacy.leakage.membership import Membership

Layer = tuple[Floats, Floats]
"""Weights [units, inputs] and biases [units] of a layer on the inputs."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """What is looked at.

    Attributes:
        kind: What it is.
        made: With which family.
        tensors: Its values.
        base: Of an adapter: the parameters of its base.
        seed: Of the start that training began with.
    """

    kind: Kind | Literal["combiner"]
    made: Made
    tensors: Tensors
    base: Tensors | None = None
    seed: int = 0

    @property
    def has_layer(self) -> bool:
        """Whether it holds the parameters of a layer on the inputs."""
        convolved = self.made.family.startswith("conv")
        whole = self.kind == "model" or self.made.family == "linear"
        return self.kind in {"model", "adapter"} and whole and not convolved


class Looker:
    """Everything about one institution's examples that does not change from offer to offer.

    Args:
        question: What is answered.
        own: Its examples.
        shared: The shared set; None if the question has none.
        similarity: Probability that likeness finds nothing by chance.
    """

    def __init__(
        self, question: Question, own: Examples, shared: Inputs | None, similarity: float
    ) -> None:
        self._question, self._own = question, own
        self._shared, self._similarity = shared, similarity

    def look(self, subject: Subject) -> Inspection:
        """Return the figures of one offer; all tests run, at every offer."""
        tensors = subject.tensors
        if subject.kind == "combiner":
            return Inspection(copies=self._passages.search(tensors, thorough=True), full=True)
        before, after = _layers(subject, self._question)
        rows, foreign = self._rows(self._own.x), _foreign(subject)
        means = subject.kind == "prototypes"
        return Inspection(
            copies=self._passages.search(tensors, thorough=True),
            recovered=_recovered(before, after, rows),
            traps=0 if foreign is None else inversion.traps(*foreign, rows),
            units=0 if foreign is None else len(foreign[1]),
            likeness=self._likeness(subject),
            membership=self._told(subject),
            fewest=class_means.fewest(tensors["means"], self._own) if means else None,
            astray=class_means.astray(tensors["means"], self._own) if means else None,
            full=True,
        )

    @cached_property
    def _passages(self) -> Passages:
        x = np.concatenate([self._own.x, self._own.valid_x])
        if x.ndim > 2:  # noqa: PLR2004 - images have rows and columns
            return Passages(x)
        return Passages(None, [x.astype(np.float64)])

    @cached_property
    def _whitened(self) -> Whitened:
        return Whitened(self._rows(self._own.x), self._rows(self._own.valid_x))

    def _likeness(self, subject: Subject) -> Likeness | None:
        if self._rows(self._own.x).shape[1] < inversion.FEWEST_DIMENSIONS:
            return None
        floats = {
            k: values for k, values in subject.tensors.items() if values.dtype.kind == "f"
        }
        if subject.kind == "prototypes":  # a mean over five is like each of them by nature
            floats["means"] = class_means.beside(floats["means"], self._own)
        return self._whitened.likeness(floats, self._similarity)

    def _told(self, subject: Subject) -> tuple[Membership, ...]:
        """Return what the loss tells about who was trained on, for all and per class."""
        voice = self._voice(subject)
        own = _losses(voice(self._own.x), self._own.y)
        others = _losses(voice(self._own.valid_x), self._own.valid_y)
        found = [membership.attack("all", own, others)]
        for cls, label in enumerate(self._question.labels):
            here, there = own[self._own.y == cls], others[self._own.valid_y == cls]
            found.append(membership.attack(f"class {label}", here, there))
        return tuple(each for each in found if each is not None)

    def _voice(self, subject: Subject) -> Voice:
        tensors = subject.tensors
        if subject.kind == "adapter" and subject.base is not None:
            tensors = adapted(subject.base, tensors)
        student = (family_of(subject.made), subject.seed)
        if subject.kind == "combiner":
            raise AssertionError("a combiner says nothing without its models")
        asked = (self._question, self._shared)
        return spoken_by(subject.kind, subject.made, tensors, asked, student)

    @staticmethod
    def _rows(x: Inputs) -> Floats:
        return x.reshape(len(x), -1).astype(np.float64)


def _losses(log_p: Floats, y: Labels) -> Floats:
    found: Floats = -log_p[np.arange(len(y)), y]
    return found


def _layers(subject: Subject, question: Question) -> tuple[Layer | None, Layer | None]:
    """Return the layer on the inputs before and after training, where the family has one."""
    if subject.kind not in {"model", "adapter"}:
        return None, None
    start = subject.base
    if start is None:
        start = family_of(subject.made).initial(question.shape, subject.seed)
    return _first(start), _first({**start, **subject.tensors})


def _first(tensors: Tensors) -> Layer | None:
    """Return the layer that sees the inputs themselves; None of a convolution."""
    name = "hidden" if "hidden.weight" in tensors else "out"
    if "conv1.weight" in tensors:
        return None
    return (
        np.asarray(tensors[f"{name}.weight"], np.float64),
        np.asarray(tensors[f"{name}.bias"], np.float64),
    )


def _recovered(before: Layer | None, after: Layer | None, rows: Floats) -> int:
    if before is None or after is None:
        return 0
    return inversion.recovered(after[0] - before[0], after[1] - before[1], rows)


def _foreign(subject: Subject) -> Layer | None:
    """Return the rectified units on the inputs that came in from somebody else, if any."""
    if subject.base is None or "hidden.weight" not in subject.base:
        return None
    return _first(subject.base)
