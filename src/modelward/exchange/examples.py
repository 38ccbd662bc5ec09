"""Own examples of an institution: `exchange/data.npz`, which never leaves.

    train_x [n, ...] float32   train_y [n] whole numbers from 0
    valid_x, valid_y           private validation: everything is chosen on it

A test set is for reports of people who measure the method; nothing here reads one.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.errors import DataError
from modelward.exchange.families.family import Inputs
from modelward.exchange.probability import Labels
from modelward.exchange.question import Question

PARTS = ("train_x", "train_y", "valid_x", "valid_y")


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What is at hand to learn from and to judge on.

    Attributes:
        x: Training examples, [n, ...], float32.
        y: Their classes, [n].
        valid_x: Private validation examples.
        valid_y: Their classes.
    """

    x: Inputs
    y: Labels
    valid_x: Inputs
    valid_y: Labels


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
    if faults:
        raise _refuse(path, faults)
    return Examples(
        found["train_x"],
        found["train_y"].astype(np.intp),
        found["valid_x"],
        found["valid_y"].astype(np.intp),
    )


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
