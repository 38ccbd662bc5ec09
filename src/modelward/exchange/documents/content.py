"""What the bundle of each kind holds, and how a foreign bundle is turned into probabilities.

    model         the parameters of a family
    adapter       its last layer alone (`out.weight`, `out.bias`), for a base named by hash
    predictions   `levels`, one byte a class and row of the shared set (probability.py)
    labels        `classes`, the class of each row of the shared set
    prototypes    `means`, one flattened example a class; `spread`, their common scale

Foreign bundles are data: tensors of a schema that is known beforehand, for families that are
installed. A `Voice` is what such a bundle says of any example; predictions and labels have one
only through a student that they alone teach, because they are about the shared set.
"""

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from modelward.core.tensors import Schema, Tensors, TensorSpec
from modelward.errors import BadArtifact
from modelward.exchange.documents.card import Kind, Made
from modelward.exchange.documents.question import Question
from modelward.exchange.families import catalogue
from modelward.exchange.families.family import Family, Floats, Inputs
from modelward.exchange.methods.learn import Lesson, Steps, learn
from modelward.exchange.methods.probability import Labels, log_softmax, restored

Voice = Callable[[Inputs], Floats]
"""Examples in, log-probabilities out, [n, classes]."""

LAST = "out."
"""Prefix of the layer that an adapter replaces."""

ABOUT_SHARED: frozenset[Kind] = frozenset({"predictions", "labels"})
"""Kinds that are about the shared set."""

TAUGHT = Steps(epochs=60)
"""How a student of predictions learns."""


def schema_of(kind: Kind, made: Made, question: Question) -> Schema:
    """Return the schema that a bundle of `kind` must have.

    Raises:
        BadArtifact: If its family is not installed or its inputs are not the question's.
    """
    if made.inputs != question.inputs:
        raise BadArtifact(
            f"the artifact is about inputs {list(made.inputs)}, not {list(question.inputs)}",
            why="a model answers the question that it was made for",
            remedy="offer it under a question of its own",
        )
    classes = len(question.labels)
    if kind in ABOUT_SHARED and question.shared is None:
        raise _needs_shared(kind)
    if kind == "predictions":
        return Schema.of(TensorSpec("levels", "U8", (question.shared_units, classes)))
    if kind == "labels":
        return Schema.of(TensorSpec("classes", "U8", (question.shared_units,)))
    if kind == "prototypes":
        width = prod(question.inputs)
        return Schema.of(
            TensorSpec("means", "F32", (classes, width)), TensorSpec("spread", "F32", (1,))
        )
    whole = family_of(made).schema(question.shape)
    if kind == "adapter":
        return Schema.of(*(spec for spec in whole if spec.name.startswith(LAST)))
    return whole


def family_of(made: Made) -> Family:
    """Return the installed family that a card names.

    Raises:
        BadArtifact: If there is none.
    """
    return catalogue.load(made.family, made.version)


def model_voice(made: Made, tensors: Tensors) -> Voice:
    """Return what a model says."""
    family = family_of(made)
    return lambda x: log_softmax(family.logits(tensors, x))


def adapted(base: Tensors, adapter: Tensors) -> Tensors:
    """Return the model that an adapter makes of its base.

    Raises:
        BadArtifact: If the base has no such layer.
    """
    for name, values in adapter.items():
        if name not in base or base[name].shape != values.shape:
            raise BadArtifact(
                f"the base has no {name} of shape {list(values.shape)}",
                why="an adapter fits the base that its card names, and no other model",
                remedy="pull the base whose hash the card names",
            )
    return {**base, **adapter}


def prototype_voice(tensors: Tensors) -> Voice:
    """Return what class means say: the nearer, the likelier (a Gaussian of common width)."""
    means = tensors["means"].astype(np.float64)
    known = np.any(means != 0, axis=1)
    width = max(float(tensors["spread"][0]), 1e-6)

    def voice(x: Inputs) -> Floats:
        flat = x.reshape(len(x), -1).astype(np.float64)
        far = ((flat[:, None, :] - means[None]) ** 2).sum(axis=2)
        return log_softmax(np.where(known, -far / (2 * width**2), -1e3))

    return voice


def spoken_by(
    kind: Kind,
    made: Made,
    tensors: Tensors,
    asked: tuple[Question, Inputs | None],
    student: tuple[Family, int],
) -> Voice:
    """Return what a bundle says, whatever its kind; an adapter is handed in as its whole model.

    Args:
        kind: What it is.
        made: With which family.
        tensors: Its values.
        asked: The question, and its shared set if it has one.
        student: Family and seed of the student that predictions and labels teach.

    Raises:
        BadArtifact: If it needs a shared set and there is none, or has labels beyond it.
    """
    question, shared = asked
    if kind in {"model", "adapter"}:
        return model_voice(made, tensors)
    if kind == "prototypes":
        return prototype_voice(tensors)
    if shared is None:
        raise _needs_shared(kind)
    taught = (
        np.exp(restored(tensors["levels"]))
        if kind == "predictions"
        else _one_hot(tensors, len(question.labels))
    )
    lesson = Lesson(shared, taught, np.zeros_like(taught), np.ones(len(shared)))
    family, seed = student
    learnt = learn(family, family.initial(question.shape, seed), lesson, TAUGHT, seed)
    return lambda x: log_softmax(family.logits(learnt, x))


def _one_hot(tensors: Tensors, classes: int) -> Floats:
    labels = tensors["classes"].astype(np.intp)
    if labels.size and int(labels.max()) >= classes:
        raise BadArtifact(
            f"a weak label is {int(labels.max())}, there are {classes} classes",
            why="labels are classes of the question",
            remedy="tell its maker; nothing of it was used",
        )
    return np.eye(classes)[labels]


def prototypes(
    x: Inputs, y: Labels, persons: Sequence[int], *, least: int, noise: Floats
) -> Tensors:
    """Return class means with noise, zero for classes of fewer than `least` persons.

    Args:
        x: Training examples.
        y: Their classes.
        persons: Who has an example of each class.
        least: Fewest persons behind a mean.
        noise: Standard normal draws, [classes, width]; scaled to the standard error of the
            mean at `least` units, so that one unit more or less is not seen in it.
    """
    flat = x.reshape(len(x), -1).astype(np.float64)
    means = np.zeros((len(persons), flat.shape[1]))
    inside: list[Floats] = []
    for cls, behind in enumerate(persons):
        rows = flat[y == cls]
        if behind >= least:
            means[cls] = rows.mean(axis=0) + noise[cls] * rows.std(axis=0) / least**0.5
            inside.append(((rows - rows.mean(axis=0)) ** 2).sum(axis=1))
    spread = np.sqrt(np.concatenate(inside).mean()) if inside else 1.0
    return {"means": means.astype(np.float32), "spread": np.array([spread], np.float32)}


def _needs_shared(kind: str) -> BadArtifact:
    return BadArtifact(
        f"{kind} are about a shared set, and the question has none",
        why="predictions mean something only beside the examples they are of",
        remedy="agree on a question that names a shared set",
    )
