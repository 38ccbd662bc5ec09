"""Images with outcomes: a folder, and the sources that know their patients, as one cohort.

    look through headers -> pick units -> who opted out -> outcome and criteria by patient
    -> draw what takes part -> Rows and tensors

Nothing of a patient who opted out is decoded, and nothing of one without an outcome. What is
left out is told with its reason and a count; paths are only in `Pictures.left_out`, which
`modelward data check --files` writes at the site.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modelward.core.faults import Fault, lines
from modelward.core.features import ImageFeature
from modelward.errors import DataError
from modelward.readers.assemble import Rows, kept_rows
from modelward.readers.cohort import Cohort, assign_folds, number_owners
from modelward.readers.dataset import Dataset, Images
from modelward.readers.images import dicom, nifti, tensors
from modelward.readers.images.frames import Folder, Pixels, Unit, picked
from modelward.readers.joins.joined import answered, merged
from modelward.readers.joins.sources import Join, sources_of
from modelward.readers.plausible import Told

KINDS = {"dicom": dicom.look_through, "nifti": nifti.look_through}

MANY_FILES = 20
"""Files of one patient alone that are worth a warning."""

MANY = 0.05
"""Share of tensors of one kind that is worth a warning."""


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """The images of a site that take part in a study.

    Attributes:
        rows: Every unit that was drawn; `x` has no columns.
        x: uint8 [units, height, width], or [units, depth, height, width].
        notes: What the readers have to tell.
        left_out: (path, reason) of what is not taken; stays at the site.
        opted_out: Images of patients who opted out; None without a list.
    """

    rows: Rows
    x: Pixels
    notes: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]
    opted_out: int | None = None


def read_pictures(join: Join, faults: list[Fault]) -> Pictures:
    """Return the images that `join` is about; what cannot be read is added to `faults`.

    Raises:
        DataError: If the folder or a source cannot be read, or the study asks for no image.
    """
    feature = _asked(join)
    folder = _looked_through(join.dataset, join.path, feature)
    units = picked(folder.frames, feature, join.study.study.unit)
    if not units:
        raise _no_images(join.path, folder)
    rows, notes = _answers(join, units, faults)
    kept, told = kept_rows(rows, join.study)
    places = np.flatnonzero(kept)
    cache = join.dataset.images.cache if join.dataset.images is not None else None
    asked = [units[place] for place in places]
    drawn = tensors.drawn(folder, asked, feature, None if cache is None else Path(cache))
    opted_out = join.opt_out is not None and rows.out is not None
    told = (join.opt_out.note(rows.out), *told) if opted_out else told  # type: ignore[union-attr,arg-type]
    there = _only(rows, places[list(drawn.kept)])
    found = [*rows.told, *_one_patient(folder), *_damaged(folder, len(units))]
    found += _looks(drawn.x, there.ids)
    return Pictures(
        rows=replace(there, told=tuple(found)),
        x=drawn.x,
        notes=(*_taken(folder, units), *notes, *told),
        left_out=tuple(folder.left_out.files),
        opted_out=None if rows.out is None else int(np.count_nonzero(rows.out)),
    )


def picture_cohort(join: Join) -> Cohort:
    """Return the images that `join` is about as a cohort.

    Raises:
        DataError: With every fault found, if the data do not fit the study.
    """
    faults: list[Fault] = []
    pictures = read_pictures(join, faults)
    if faults:
        raise DataError(
            lines(str(join.path), list(dict.fromkeys(faults))),
            why="an outcome that is guessed would teach the wrong thing",
            remedy="correct dataset.toml; modelward data check shows every fault",
        )
    rows = pictures.rows
    return Cohort(
        x=pictures.x,
        y=rows.y.astype(np.int8),
        folds=assign_folds(rows.ids, None, join.study.plan),
        notes=pictures.notes,
        ids=tuple(rows.ids),
        owner=number_owners(rows.ids),
        opted_out=pictures.opted_out,
        amount=rows.amount,
    )


def _asked(join: Join) -> ImageFeature:
    if join.study.image is None:
        raise DataError(
            lines(str(join.path), [Fault("features", "the study asks for no image")]),
            why="a folder of images answers a study of images",
            remedy="name the table or store that the study asks for under [dataset]",
        )
    return join.study.image[1]


def _looked_through(dataset: Dataset, path: Path, feature: ImageFeature) -> Folder:
    words = {word: meant for each in dataset.values.values() for word, meant in each.items()}
    return KINDS[dataset.dataset.kind](path, feature, dataset.images or Images(), words)


def _answers(
    join: Join, units: Sequence[Unit], faults: list[Fault]
) -> tuple[Rows, tuple[str, ...]]:
    """Return outcome and criteria of every unit; its patient's, or its own."""
    ids = [unit.patient for unit in units]
    answers = answered(join, sources_of(join.dataset, join.path), faults)
    rows = merged(ids, join.study, answers, [unit.path for unit in units])
    out = None if join.opt_out is None else join.opt_out.among(ids)
    doubts = () if join.opt_out is None else join.opt_out.doubts(ids)
    return replace(rows, out=out, told=(*rows.told, *doubts)), tuple(answers.notes)


def _only(rows: Rows, places: NDArray[np.int64]) -> Rows:
    """Return the units at `places`, and nobody else."""
    return Rows(
        ids=[rows.ids[place] for place in places],
        x=np.zeros((len(places), 0)),
        y=rows.y[places],
        criteria={name: values[places] for name, values in rows.criteria.items()},
        indexed=None if rows.indexed is None else rows.indexed[places],
        amount=None if rows.amount is None else rows.amount[places],
    )


def _taken(folder: Folder, units: Sequence[Unit]) -> Iterator[str]:
    """Yield what was found and left out, in counts."""
    patients = len({unit.patient for unit in units})
    told = "1 image" if len(units) == 1 else f"{len(units)} images"
    whose = "1 patient" if patients == 1 else f"{patients} patients"
    yield f"{told} of {whose} fit what the study asks for."
    for reason, count in folder.left_out.counts():
        yield f"{count} {'file' if count == 1 else 'files'} left out: {reason}."
    unsaid = sum(1 for unit in units if getattr(unit.frames[0].details, "towards", "") is None)
    if unsaid:
        yield f"{unsaid} images do not say how they lie, and are taken as they are stored."


def _one_patient(folder: Folder) -> Iterator[Told]:
    files, patients = {f.path for f in folder.frames}, {f.patient for f in folder.frames}
    if len(patients) == 1 and len(files) >= MANY_FILES:
        says = f"all {len(files)} files are said to be of one patient"
        yield (
            "warning",
            "images",
            says,
            "say whose they are under [images]: patient = '...'",
        )


def _damaged(folder: Folder, units: int) -> Iterator[Told]:
    count = sum(
        n for reason, n in folder.left_out.counts() if reason in folder.left_out.damaged
    )
    if count:
        told = "1 file is damaged" if count == 1 else f"{count} files are damaged"
        says = f"{told}, {units} images fit by their headers"
        remedy = "modelward data check --files lists them; export them again, or accept it"
        yield ("warning", "images", says, remedy)


def _looks(x: Pixels, ids: Sequence[str]) -> Iterator[Told]:
    """Yield what tensors give away: nothing to be seen, or somebody else's picture."""
    if not len(x):
        return
    blank, copied = tensors.blank(x), tensors.copies(x, ids)
    if blank > MANY * len(x):
        says = f"{blank} of {len(x)} images are of one shade"
        yield ("warning", "images", says, "is `grey` of the study right for this scanner?")
    elif blank:
        yield ("note", "images", f"{blank} of {len(x)} images are of one shade", "")
    turned = tensors.negatives(x)
    if turned:
        says = f"{turned} of {len(x)} images look like negatives of the others"
        remedy = "does their header name the right photometric interpretation? see preview"
        yield ("warning", "images", says, remedy)
    if copied - blank > 0:
        says = f"{copied} of {len(x)} images equal one of another patient"
        yield ("warning", "patient", says, "was an image filed under two ids?")


def _no_images(path: Path, folder: Folder) -> DataError:
    found = [Fault("images", f"{n} files: {reason}") for reason, n in folder.left_out.counts()]
    return DataError(
        lines(str(path), found or [Fault("images", "there are no files")]),
        why="no image there is what the study asks for",
        remedy="correct `path` and [images] in dataset.toml, or map words under [values]",
    )
