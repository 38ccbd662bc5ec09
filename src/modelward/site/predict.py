"""A finished model on new data, with exactly the scaling it was trained with.

A model file is three files beside each other: `NAME.safetensors` (scaling and parameters),
`NAME.card.json` (what it is, signed by the hub) and `NAME.study.json` (the study, whose
hash is on the card). None of them holds code.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from numpy.typing import NDArray

from modelward import durable
from modelward.artifact import bundle, card
from modelward.artifact.store import measure
from modelward.core.columns import inputs
from modelward.core.faults import lines
from modelward.core.study import Study
from modelward.core.targets import CategoryTarget
from modelward.errors import BadArtifact, DataError
from modelward.readers.arrays import held_in, load, whole_inputs
from modelward.readers.dataset import MISSING, Dataset, Source
from modelward.readers.tables.table import read_features
from modelward.recipes.networks import backbone
from modelward.study.intervals import ends_of
from modelward.study.model import Model, model_schema
from modelward.study.outcome import outputs, said_yes
from modelward.study.read import from_json


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predicted:
    """Probabilities of the outcome for new units, in the order of their file.

    Attributes:
        named_by: `patient`, or `row` where the data name nobody.
        units: Ids as in the data, or row numbers counted from 1.
        probability: float64 [units], of a yes.
        levels: Name of each level, or `by_DAY` for the last day of each interval; empty
            where the outcome is yes or no.
        by_level: float64 [units, levels], the probability of each level, or that the event
            has come by each day; None for yes or no.
        likeliest: Whether one of `levels` is to be told as the likeliest.
        filled: Units in which a missing feature was filled from the model.
    """

    named_by: str
    units: tuple[str, ...]
    probability: NDArray[np.float64]
    filled: int
    levels: tuple[str, ...] = ()
    by_level: NDArray[np.float64] | None = None
    likeliest: bool = False


def open_model(path: str | PathLike[str], *, hub_key: Ed25519PublicKey | None = None) -> Model:
    """Return the model whose bundle is at `path`, checked against its card and study.

    Args:
        path: The bundle; card and study lie beside it.
        hub_key: The hub's public key. Without it hashes are checked and the signature on
            the card is not: then the files belong together, and who made them is not known.

    Raises:
        BadArtifact: If a file is missing, damaged, or belongs to another model, or if the
            card was not signed with the hub's key.
    """
    path = Path(path)
    backbone.look_in(path.resolve().parent / backbone.FOLDER)
    try:
        raw = path.read_bytes()
        entry = card.from_json(path.with_suffix(".card.json").read_bytes())
        study = from_json(path.with_suffix(".study.json").read_bytes())
    except OSError as error:
        raise _refuse(f"{error.filename} cannot be read: {error.strerror}") from error
    if hub_key is not None:
        card.verify(entry, hub_key)
        if (entry.kind, entry.site) != ("model", "hub"):
            raise _refuse(f"the card is for {entry.kind} of {entry.site}, not for a model")
    if measure([raw])[0] != entry.sha256:
        raise _refuse(f"{path} does not have the hash on its card")
    if study.sha256 != entry.study:
        raise _refuse(f"{path.with_suffix('.study.json')} is not the study on the card")
    return Model.from_tensors(study, bundle.parse(raw, model_schema(study)))


def probabilities(model: Model, x: NDArray[Any]) -> NDArray[np.float64]:
    """Return the probability of the outcome for units `x`, as they were read."""
    return said_yes(model.study, whole_outputs(model, x))


def whole_outputs(model: Model, x: NDArray[Any]) -> NDArray[np.float64]:
    """Return all that the model says of units `x`: by level, by pixel or by interval."""
    scaled = x if model.scaling is None else model.scaling.apply(x)
    return outputs(model.study, model.parameters, scaled)


def predict(
    model: Model,
    data: str | PathLike[str],
    *,
    patient: str | None = None,
    missing: Sequence[str] = MISSING,
) -> Predicted:
    """Return one probability for every unit in `data`.

    Args:
        model: What to apply.
        data: CSV or Parquet with the study's features, or an archive of images or sequences.
        patient: Column that names the unit, if there is one.
        missing: Texts that mean missing, of a table.

    Raises:
        DataError: If the data do not fit the study.
    """
    named_by, ids, x = _read(model.study, Path(data), patient, tuple(missing))
    filled = int(np.isnan(x).any(axis=1).sum()) if x.dtype.kind == "f" else 0
    said = whole_outputs(model, x)
    target, levels = model.study.outcome, tuple[str, ...]()
    if isinstance(target, CategoryTarget) and inputs(model.study).outcome == "levels":
        levels = target.levels
    levels = levels or tuple(f"by_{day:g}" for day in ends_of(model.study))
    return Predicted(
        named_by=named_by,
        units=tuple(ids),
        probability=said_yes(model.study, said),
        filled=filled,
        levels=levels,
        by_level=said if levels else None,
        likeliest=isinstance(target, CategoryTarget),
    )


def predict_file(
    model: Model,
    data: str | PathLike[str],
    out: str | PathLike[str],
    *,
    patient: str | None = None,
    missing: Sequence[str] = MISSING,
) -> tuple[int, int]:
    """Write one probability for every unit in `data` to the CSV file `out`.

    Args:
        model: What to apply.
        data: As for `predict`.
        out: Columns `patient` (or `row`, counted from 1) and `probability`, of a yes; with
            levels also `level`, the likeliest, and the probability of each under its name; with
            intervals the probability that the event has come by DAY, under `by_DAY`.
        patient: As for `predict`.
        missing: As for `predict`.

    Returns:
        Rows written, and rows in which a missing feature was filled from the model.

    Raises:
        DataError: If the data do not fit the study.
        StorageError: If the file cannot be written.
    """
    found = predict(model, data, patient=patient, missing=missing)
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    likeliest = ["level"] if found.levels and found.likeliest else []
    writer.writerow([found.named_by, "probability", *likeliest, *found.levels])
    writer.writerows(
        [unit, f"{value:.6f}", *by_level]
        for unit, value, by_level in zip(
            found.units, found.probability, _by_level(found), strict=True
        )
    )
    durable.write_whole(Path(out), text.getvalue().encode())
    return len(found.units), found.filled


def _by_level(found: Predicted) -> list[list[str]]:
    """Return what a row says of levels: the likeliest, and each one's probability."""
    if found.by_level is None:
        return [[] for _ in found.units]
    return [
        [*_likeliest(found, row), *(f"{value:.6f}" for value in row)] for row in found.by_level
    ]


def _likeliest(found: Predicted, row: NDArray[np.float64]) -> list[str]:
    return [found.levels[int(row.argmax())]] if found.likeliest else []


def _read(
    study: Study, data: Path, patient: str | None, missing: tuple[str, ...]
) -> tuple[str, list[str], NDArray[Any]]:
    if inputs(study).kind == "table":
        source = Source(kind="table", path=str(data), patient=patient, missing=missing)
        ids, x = read_features(data, Dataset(dataset=source), study)
        if patient is None:
            return "row", [str(int(row) + 1) for row in ids], x
        return "patient", ids, x
    x, faults = whole_inputs(load(data, held_in(study)), study)
    if faults:
        raise DataError(
            lines(str(data), faults),
            why="the model reads inputs in the form that its study names, and no other",
            remedy="make them as the study's own data were: size, grey values, steps",
        )
    return "row", [str(number + 1) for number in range(len(x))], x


def _refuse(found: str) -> BadArtifact:
    return BadArtifact(
        found,
        why="a model is used only with the card and the study it was trained under",
        remedy="export it again: modelward model export RUN --out NAME.safetensors",
    )
