"""Own examples of an institution: `exchange/data.npz`, which never leaves.

    train_x [n, ...] float32   train_y [n] whole numbers from 0
    valid_x, valid_y           private validation: everything is chosen on it
    train_patient [n]          optional: whose each training example is, in the hospital's own
                               numbers; a privacy bound counts patients by it

A test set is for reports of people who measure the method; nothing here reads one.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.errors import DataError
from modelward.exchange.families.family import Inputs
from modelward.exchange.probability import Labels
from modelward.exchange.question import Question

PARTS = ("train_x", "train_y", "valid_x", "valid_y")
PATIENT = "train_patient"


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What is at hand to learn from and to judge on.

    Attributes:
        x: Training examples, [n, ...], float32.
        y: Their classes, [n].
        valid_x: Private validation examples.
        valid_y: Their classes.
        named: Whose each training example is, [n]; None if the file does not say.
    """

    x: Inputs
    y: Labels
    valid_x: Inputs
    valid_y: Labels
    named: NDArray[Any] | None = None

    @property
    def persons(self) -> NDArray[Any]:
        """Whose each training example is; where nobody says, an example stands for itself."""
        if self.named is not None:
            return self.named.astype(str)
        own = zip(self.x, self.y.tolist(), strict=True)
        return np.array([sha256(x.tobytes() + b"%d" % y).hexdigest() for x, y in own])

    @property
    def digest(self) -> str:
        """SHA-256 of the training examples, with whose they are."""
        found = sha256(np.ascontiguousarray(self.x).tobytes())
        found.update(self.y.astype("<i8").tobytes())
        found.update("\n".join(self.persons.tolist()).encode())
        return found.hexdigest()


def read_examples(path: Path, question: Question) -> Examples:
    """Return the examples in the file at `path`.

    Raises:
        DataError: If they are not examples of `question`, with every reason at once.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            found = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError) as error:
        raise _refuse(path, [f"it cannot be read: {error}"]) from error
    faults = [f"{name} is missing" for name in PARTS if name not in found]
    for fold in ("train", "valid"):
        if f"{fold}_x" in found and f"{fold}_y" in found:
            faults += _faults(fold, found[f"{fold}_x"], found[f"{fold}_y"], question)
    if PATIENT in found and found[PATIENT].shape != found["train_y"].shape:
        faults.append(f"{PATIENT} does not name one patient for each training example")
    if faults:
        raise _refuse(path, faults)
    return Examples(
        found["train_x"],
        found["train_y"].astype(np.intp),
        found["valid_x"],
        found["valid_y"].astype(np.intp),
        found.get(PATIENT),
    )


def read_inputs(path: Path) -> Inputs:
    """Return `x` of the file at `path`, examples to be answered.

    Raises:
        DataError: If there are none.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return np.asarray(archive["x"])
    except (OSError, ValueError, EOFError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} holds no examples: {error}",
            why="what is answered comes as a .npz file with `x`, as the training examples do",
            remedy="numpy.savez(FILE, x=...), float32, in the question's shape",
        ) from error


def _faults(fold: str, x: NDArray[Any], y: NDArray[Any], question: Question) -> list[str]:
    """Return what is wrong with one fold."""
    faults = []
    if x.shape[1:] != question.inputs or x.dtype != np.float32:
        faults.append(
            f"{fold}_x is {x.dtype} {list(x.shape[1:])}, not float32 {list(question.inputs)}"
        )
    elif not np.isfinite(x).all():
        faults.append(f"{fold}_x has NaN or infinity")
    if y.shape != x.shape[:1] or y.dtype.kind not in "iu" or not y.size:
        faults.append(f"{fold}_y is not one whole number for each of {len(x)} examples")
    elif int(y.min()) < 0 or int(y.max()) >= len(question.labels):
        faults.append(f"{fold}_y has classes beyond 0 to {len(question.labels) - 1}")
    return faults


def _refuse(path: Path, faults: list[str]) -> DataError:
    return DataError(
        f"{path} holds no examples of this question: {'; '.join(faults)}",
        why="models are trained and judged on exactly what the question says",
        remedy=f"write a .npz with {', '.join(PARTS)} (docs/exchange.md)",
    )
