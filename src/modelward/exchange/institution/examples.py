"""Own examples of an institution: `exchange/data.npz`, which never leaves.

    train_x [n, ...] float32   train_y [n] whole numbers from 0
    valid_x, valid_y           private validation: everything is chosen on it
    train_patient [n]          optional: whose each training example is, in the hospital's own
                               numbers; a privacy bound counts patients by it
    group_NAME [n]             optional, text: of which subgroup each training example is, such
                               as group_sex or group_modality; group_equipment is the make
    feature_NAME [n]           optional, bool: which training examples have a feature that was
                               measured, and not filled in
    train_time [n]             optional, datetime64: when each training example was taken

A test set is for reports of people who measure the method; nothing here reads one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from modelward.artifact import bundle
from modelward.errors import BadArtifact, DataError
from modelward.exchange.documents.question import Question
from modelward.exchange.families.family import Inputs
from modelward.exchange.methods.probability import Labels

PARTS = ("train_x", "train_y", "valid_x", "valid_y")
PATIENT, TIME = "train_patient", "train_time"
WORD = re.compile(r"[a-z][a-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What is at hand to learn from and to judge on.

    Attributes:
        x: Training examples, [n, ...], float32.
        y: Their classes, [n].
        valid_x: Private validation examples.
        valid_y: Their classes.
        named: Whose each training example is, [n]; None if the file does not say.
        groups: Name of a kind of subgroup -> of which each training example is, [n].
        times: When each training example was taken, [n]; None if the file does not say.
        measured: Name of a feature -> whether each training example has it, [n].
    """

    x: Inputs
    y: Labels
    valid_x: Inputs
    valid_y: Labels
    named: NDArray[Any] | None = None
    groups: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    times: NDArray[np.datetime64] | None = None
    measured: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

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
    found = _archive(path)
    faults = [f"{name} is missing" for name in PARTS if name not in found]
    for fold in ("train", "valid"):
        if f"{fold}_x" in found and f"{fold}_y" in found:
            faults += _faults(fold, found[f"{fold}_x"], found[f"{fold}_y"], question)
    if PATIENT in found and found[PATIENT].shape != found["train_y"].shape:
        faults.append(f"{PATIENT} does not name one patient for each training example")
    groups = {name[6:]: each for name, each in found.items() if name.startswith("group_")}
    measured = {n[8:]: each for n, each in found.items() if n.startswith("feature_")}
    units = len(found.get("train_y", ()))
    for name, each in groups.items():
        faults += _labelling(f"group_{name}", each, units, "text")
    for name, each in measured.items():
        faults += _labelling(f"feature_{name}", each, units, "bool")
    if TIME in found:
        faults += _labelling(TIME, found[TIME], units, "datetime64")
    if faults:
        raise _refuse(path, faults)
    return Examples(
        found["train_x"],
        found["train_y"].astype(np.intp),
        found["valid_x"],
        found["valid_y"].astype(np.intp),
        found.get(PATIENT),
        groups,
        found.get(TIME),
        measured,
    )


def _archive(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except OSError as error:
        raise _refuse(path, [f"it cannot be read: {error.strerror}"]) from error
    except (ValueError, EOFError, BadZipFile, AttributeError) as error:
        raise _refuse(path, ["it is no .npz archive of numbers and words"]) from error


def read_inputs(path: Path) -> Inputs:
    """Return `x` of the file at `path`, examples to be answered.

    Raises:
        DataError: If there are none.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return np.asarray(archive["x"])
    except (OSError, ValueError, EOFError, BadZipFile, KeyError, TypeError) as error:
        found = getattr(error, "strerror", None) or "it is no .npz archive with numbers in `x`"
        raise DataError(
            f"{path} holds no examples: {found}",
            why="what is answered comes as a .npz file with `x`, as the training examples do",
            remedy="numpy.savez(FILE, x=...), float32, in the question's shape",
        ) from error


def read_shared(path: Path, question: Question) -> Inputs:
    """Return the shared set that `question` names.

    Raises:
        BadArtifact: If it is not there, or is another one.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadArtifact(
            f"{path} cannot be read: {error.strerror}",
            why="the question names a shared set",
            remedy="give the same init again, with --shared FILE: all else stays",
        ) from error
    if (found := sha256(raw).hexdigest()) != question.shared:
        raise BadArtifact(
            f"{path.name} has hash {found[:12]}…, the question names another set",
            why="predictions are about the rows of one set, in one order",
            remedy="take the shared set from whoever wrote the question",
        )
    return bundle.parse_any(raw)["x"]


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


def _labelling(name: str, values: NDArray[Any], units: int, kind: str) -> list[str]:
    """Return what is wrong with words, times or marks about the training examples."""
    letter = {"text": "U", "datetime64": "M", "bool": "b"}[kind]
    if values.shape != (units,) or values.dtype.kind != letter:
        return [f"{name} is not one {kind} for each of {units} training examples"]
    if not WORD.fullmatch(name):
        return [f"{name[:40]} is no name of a kind of subgroup, or of a feature"]
    return []


def _refuse(path: Path, faults: list[str]) -> DataError:
    return DataError(
        f"{path} holds no examples of this question: {'; '.join(faults)}",
        why="models are trained and judged on exactly what the question says",
        remedy=f"write a .npz with {', '.join(PARTS)} (docs/exchange.md)",
    )
