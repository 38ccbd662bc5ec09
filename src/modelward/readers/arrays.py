"""Images or sequences in a NumPy archive (.npz).

`images` uint8 [n, height, width], or `codes`, `times` and `values` [n, steps] as
core/sequences.py has them; `labels` [n] of 0 or 1 (or the numbers of levels, from 0; with a
time to event also `days` [n], until the event or the end of follow-up), or
`masks` uint8 of 0 and 1 of the shape of `images`, as the study's target asks; and optionally
`folds` [n] of 0 (train), 1 (validation) or 2 (test) and `patients` [n], whose it is. Every
image or sequence is one unit. Images with the rows of a table are modalities.py's.

Object arrays are refused: they are pickles, and a pickle is code.
"""

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import inputs
from modelward.core.faults import Fault, lines
from modelward.core.sequences import SequenceFeature, packed
from modelward.core.study import Study
from modelward.core.targets import CategoryTarget, MaskTarget, Outcome, TimeToEventTarget
from modelward.errors import DataError
from modelward.readers import modalities
from modelward.readers.assemble import too_many_empty, too_many_missing
from modelward.readers.cohort import Cohort, assign_folds, number_owners, torn
from modelward.readers.opt_out import OptOut, nobody_named
from modelward.readers.tables import values

DAYS = "days"
"""The array with times, where the outcome is a time to event."""

YES_NO = 2
"""Labels of an outcome that is present or absent."""

_DAMAGED = (
    OSError,
    ValueError,
    EOFError,
    MemoryError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What numpy and zipfile raise for bytes that are not, or no longer, an archive."""


def read_arrays(path: Path, study: Study, opt_out: OptOut | None = None) -> Cohort:
    """Return the images or sequences at `path` as the study's cohort.

    Args:
        path: The archive.
        study: What is asked for.
        opt_out: Patients who are left out; the archive must name them in `patients` then.

    Raises:
        DataError: With every fault found, if the file is damaged or does not fit the study.
    """
    timed = (DAYS,) if isinstance(study.outcome, TimeToEventTarget) else ()
    arrays = load(path, (*held_in(study), named_outcome(study), *timed))
    x, faults = whole_inputs(arrays, study)
    told = outcome_of(arrays, study)
    labels = told.y
    faults += _outcome_faults(arrays[named_outcome(study)], x, study.outcome)
    if timed and told.amount is None:
        faults.append(Fault(DAYS, "must be finite, from 0, and one for each label"))
    folds = arrays.get("folds")
    if folds is not None and (
        folds.shape != labels.shape or not np.isin(folds, [0, 1, 2]).all()
    ):
        faults.append(Fault("folds", "must be 0 (train), 1 (validation) or 2 (test) per image"))
    named = arrays.get("patients")
    if opt_out is not None and (named is None or named.shape != labels.shape):
        raise nobody_named(path, "patients")
    ids, owner = _ids(named, len(labels), faults)
    faults += [] if faults else torn("folds", owner, folds)
    if faults:
        raise _refuse(path, faults)
    if not study.cohort.complete:
        _require_known(path, x, study)
    given = None if folds is None else folds.astype(np.int8)
    drawn = assign_folds(ids, given, study.plan)
    out = np.zeros(len(ids), bool)
    if opt_out is not None:
        out = opt_out.among(ids)
    return Cohort(
        x=x[~out],
        y=labels[~out],
        folds=drawn[~out],
        notes=() if opt_out is None else (opt_out.note(out),),
        ids=tuple(each for each, left in zip(ids, out, strict=True) if not left),
        owner=None if owner is None else owner[~out],
        opted_out=None if opt_out is None else int(np.count_nonzero(out)),
        amount=None if told.amount is None else told.amount[~out],
        masks=None if told.masks is None else told.masks[~out],
    )


def _require_known(path: Path, x: NDArray[Any], study: Study) -> None:
    """Return unless more is missing in a feature, or more sequences are empty, than allowed.

    Raises:
        DataError: If so.
    """
    shape = inputs(study)
    faults = [] if shape.kind != "sequence" else too_many_empty(x, study)
    if shape.kind == "image-and-table":
        faults = too_many_missing(x[:, : shape.columns], study)
    if faults:
        raise DataError(
            lines(str(path), list(dict.fromkeys(faults))),
            why="a study says how much may be missing in a feature (`max_missing`)",
            remedy="write what is known into the archive, or ask for a higher `max_missing`",
        )


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What an archive says of outcomes; as `Cohort` has them."""

    y: NDArray[np.int8]
    amount: NDArray[np.float64] | None = None
    masks: NDArray[np.uint8] | None = None


def named_outcome(study: Study) -> str:
    """Return the array that holds what the study predicts."""
    return "masks" if isinstance(study.outcome, MaskTarget) else "labels"


def outcome_of(arrays: Mapping[str, NDArray[Any]], study: Study) -> Told:
    """Return the outcomes in `arrays`, which may be at fault."""
    given = arrays[named_outcome(study)]
    if isinstance(study.outcome, MaskTarget):
        y = np.asarray(given.reshape(len(given), -1).any(1) if given.ndim > 1 else given)
        return Told(np.asarray(y, np.int8), masks=given)
    labels = given.reshape(-1)
    if labels.dtype.kind not in "iub":
        labels = np.zeros(len(labels), np.int8)  # a fault, which `read_arrays` tells
    if isinstance(study.outcome, CategoryTarget):
        yes = np.isin(labels, study.outcome.counts_as_yes)
        return Told(yes.astype(np.int8), amount=labels.astype(np.float64))
    if isinstance(study.outcome, TimeToEventTarget):
        return _followed(labels, arrays[DAYS], study.outcome.horizon)
    return Told(labels.astype(np.int8))


def _followed(labels: NDArray[Any], days: NDArray[Any], horizon: float) -> Told:
    """Return events and times with follow-up ended at the horizon; no amount if at fault."""
    good = days.shape == labels.shape and days.dtype.kind in "iuf"
    if not good or not (np.isfinite(days) & (days >= 0)).all():
        return Told(labels.astype(np.int8))
    event, amount = values.followed(labels.astype(float), days.astype(float), horizon)
    return Told(event.astype(np.int8), amount=amount)


def load(path: Path, needed: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Return every array of the archive at `path`.

    Raises:
        DataError: If it cannot be read, holds pickled objects, or lacks a `needed` array.
    """
    try:
        with path.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise _refuse(path, [Fault("", "is a single array, not an archive")])
            with archive:
                arrays = {name: archive[name] for name in archive.files}
    except _DAMAGED as error:
        raise _refuse(
            path, [Fault("", f"cannot be read as a NumPy archive: {error}")]
        ) from error
    absent = [name for name in needed if name not in arrays]
    if absent:
        raise _refuse(path, [Fault(name, "is missing") for name in absent])
    return arrays


def _ids(
    patients: NDArray[Any] | None, images: int, faults: list[Fault]
) -> tuple[list[str], NDArray[np.int64] | None]:
    """Return the id of every image's patient, and its number if patients are named."""
    if patients is None:
        return [str(number) for number in range(images)], None
    if patients.shape != (images,) or patients.dtype.kind not in "iuUS":
        faults.append(Fault("patients", "must be one whole number or text per image"))
    named = patients.astype(str) if patients.dtype.kind != "S" else np.char.decode(patients)
    ids = [str(patient).strip() for patient in named.reshape(-1)]
    return ids, number_owners(ids)


def held_in(study: Study) -> tuple[str, ...]:
    """Return the arrays in which an archive holds the inputs of `study`."""
    if study.sequence is not None:
        return "codes", "times", "values"
    return () if inputs(study).kind == "image-and-table" else ("images",)


def whole_inputs(
    arrays: Mapping[str, NDArray[Any]], study: Study
) -> tuple[NDArray[Any], list[Fault]]:
    """Return the inputs in an archive that was loaded, and what is wrong with them."""
    if study.sequence is not None:
        return _sequences(arrays, study.sequence[1])
    if inputs(study).kind == "image-and-table":
        units = max((len(each) for each in arrays.values() if each.ndim), default=0)
        return modalities.both(arrays, study, units)
    images, feature = arrays["images"], study.image
    if feature is None:
        return images, [Fault("images", "the study asks for a table, not for images")]
    size = feature[1].shape
    if images.dtype == np.uint8 and images.shape[1:] == size:
        return images, []
    found = f"{images.dtype}{list(images.shape)}"
    asked = ", ".join(map(str, size))
    return images, [Fault("images", f"are {found}, the study asks for uint8[n, {asked}]")]


def _sequences(
    arrays: Mapping[str, NDArray[Any]], feature: SequenceFeature
) -> tuple[NDArray[Any], list[Fault]]:
    """Return the sequences packed; as they are written there if something is wrong."""
    codes, times, values = (arrays[name] for name in ("codes", "times", "values"))
    if not codes.shape == times.shape == values.shape == (len(codes), feature.steps):
        found = ", ".join(str(list(each.shape)) for each in (codes, times, values))
        return codes, [Fault("codes", f"and the others are {found}, not [n, {feature.steps}]")]
    if codes.dtype.kind not in "iu" or codes.min(initial=0) < 0:
        return codes, [Fault("codes", "must be whole numbers, 0 where padded")]
    there, last, faults = codes > 0, len(feature.items), []
    if codes.max(initial=0) > last:
        faults.append(Fault("codes", f"reach {codes.max()}, the study has {last} items"))
    if (there[:, 1:] & ~there[:, :-1]).any():
        faults.append(Fault("codes", "are padded before an event: pad at the end"))
    if not (np.isfinite(times).all() and np.isfinite(values).all()):
        faults.append(Fault("values", "and times must be finite, 0 where there is none"))
    elif not _within(times[there], (-feature.window[1], -feature.window[0])):
        faults.append(Fault("times", "are days before the index, and some leave the window"))
    return packed(codes, times, values), faults


def _within(values: NDArray[Any], ends: tuple[float, float]) -> bool:
    return bool(((values >= ends[0]) & (values <= ends[1])).all())


def _outcome_faults(given: NDArray[Any], x: NDArray[Any], outcome: Outcome) -> list[Fault]:
    if isinstance(outcome, MaskTarget):
        if given.shape != x.shape or given.dtype != np.uint8 or (given > 1).any():
            return [Fault("masks", "must be uint8 of 0 and 1, of the shape of the images")]
        return []
    labels, faults = given.reshape(-1), []
    if len(labels) != len(x):
        what = "images" if x.dtype == np.uint8 else "inputs"
        faults.append(Fault("labels", f"{len(labels)} labels for {len(x)} {what}"))
    most = len(outcome.levels) if isinstance(outcome, CategoryTarget) else YES_NO
    if labels.dtype.kind not in "iub" or not np.isin(labels, np.arange(most)).all():
        faults.append(
            Fault("labels", "must be 0 or 1" if most <= YES_NO else f"must be 0 to {most - 1}")
        )
    return faults


def _refuse(path: Path, faults: list[Fault]) -> DataError:
    return DataError(
        lines(str(path), faults),
        why="images and sequences are read only in the form that the study names",
        remedy="write the archive again with numpy.savez(images=..., labels=...)",
    )
