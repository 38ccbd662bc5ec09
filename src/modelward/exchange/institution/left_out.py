"""Classes of few patients: what goes on offer has not learnt them, the local model has.

So peers can say nothing of the local model there, and own validation units are fewer still.
The few training units can: nothing on offer has learnt from them, and the local model is made
again without one person of each such class at a time (leave-one-out, Stone 1974), at most as
often as the largest of these classes has persons. What came of it is kept, since it only
depends on the model and the examples:

    exchange/left-out.json     class -> whether each unit was recognised, in the file's order

A class that was never learnt needs no units: a model that has never seen it does not answer it.
"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from modelward import durable
from modelward.core.canonical import canonical_bytes, canonical_hash, parse_strict
from modelward.core.tensors import Tensors
from modelward.errors import BadArtifact
from modelward.exchange.documents.question import Question
from modelward.exchange.families.family import Family, Floats
from modelward.exchange.institution import home
from modelward.exchange.institution.examples import Examples
from modelward.exchange.methods.learn import Steps, labelled, learn
from modelward.exchange.methods.probability import Labels

FILE = "left-out.json"


def rows(y: Labels, few: Labels) -> Labels:
    """Return the training units of the classes `few`, by class and then in their order."""
    return np.concatenate([np.flatnonzero(y == cls) for cls in few]).astype(np.intp)


def by_class(right: Floats, y: Labels) -> dict[int, Floats]:
    """Return whether units were recognised, class by class.

    >>> by_class(np.array([1.0, 0.0]), np.array([3, 3]))
    {3: array([1., 0.])}
    """
    return {int(cls): right[y == cls] for cls in np.unique(y)}


def recognised(
    folder: Path, question: Question, own: Examples, few: Labels
) -> Mapping[int, Floats]:
    """Return whether the local model, made without it, recognises each unit of a class of few.

    Args:
        folder: The institution's `exchange` folder.
        question: What is asked.
        own: Own examples.
        few: Classes that the local model has learnt and what goes on offer has not.

    Returns:
        Class -> [units], 1.0 where it does.
    """
    if not few.size:
        return {}
    local = home.local(folder)
    about = canonical_hash([local.sha256, own.digest, *few.tolist()])
    kept = _kept(folder / FILE, about)
    if kept is None:
        start = local.made_with.initial(question.shape, local.seed)
        kept = made_again(local.made_with, start, own, few, local.seed)
        said = {str(cls): right.astype(int).tolist() for cls, right in kept.items()}
        durable.write_whole(
            folder / FILE, canonical_bytes({"about": about, "recognised": said})
        )
    return kept


def made_again(
    family: Family, start: Tensors, own: Examples, few: Labels, seed: int
) -> dict[int, Floats]:
    """Return whether a model that learns without its person recognises each unit of classes.

    Args:
        family: What learns.
        start: From where.
        own: Own examples.
        few: The classes; each must have units.
        seed: Of the batches.
    """
    x, y, whose = own.x, own.y, own.persons
    asked, classes = rows(y, few), family.logits(start, x[:1]).shape[1]
    turn = np.concatenate([np.unique(whose[y == c], return_inverse=True)[1] for c in few])
    right = np.zeros(asked.size)
    for out in range(int(turn.max()) + 1):
        left = asked[turn == out]
        rest = np.delete(np.arange(len(y)), left)
        lesson = labelled(x[rest], y[rest], classes)
        again = learn(family, start, lesson, Steps(), seed)
        right[turn == out] = family.logits(again, x[left]).argmax(axis=1) == y[left]
    return by_class(right, y[asked])


def never(folder: Path, question: Question, own: Examples) -> frozenset[int]:
    """Return the classes that the local model never learnt, and never answers here."""
    local = home.local(folder)
    if not local.trained:
        return frozenset()
    voice = home.voice_of(folder, local)
    seen = np.concatenate([own.y, *(voice(x).argmax(axis=1) for x in (own.x, own.valid_x))])
    return frozenset(range(len(question.labels))) - frozenset(seen.tolist())


def _kept(path: Path, about: str) -> dict[int, Floats] | None:
    """Return what was found before for the same model and examples; None if nothing was."""
    with suppress(OSError, BadArtifact, KeyError, TypeError, ValueError):
        said = parse_strict(path.read_bytes(), what="units left out")
        if said["about"] == about:
            return {int(c): np.array(r, np.float64) for c, r in said["recognised"].items()}
    return None
