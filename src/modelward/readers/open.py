"""One door into a site's data: a dataset file in, a cohort out, whatever the format."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from modelward.core.columns import columns, inputs
from modelward.core.faults import Fault
from modelward.core.study import Study
from modelward.errors import DataError
from modelward.readers.arrays import read_arrays
from modelward.readers.assemble import Rows, assemble
from modelward.readers.cohort import Cohort
from modelward.readers.dataset import Dataset, read
from modelward.readers.events.stores import event_rows, read_events, refuse, uncoded
from modelward.readers.images.cohort import picture_cohort, read_pictures
from modelward.readers.joins.joined import joined_rows
from modelward.readers.joins.sources import Join
from modelward.readers.opt_out import OptOut, read_opt_out
from modelward.readers.tables.table import read_table, table_rows


def open_rows(
    dataset_file: Path,
    study: Study,
    faults: list[Fault],
    today: date,
    left_out: list[tuple[str, str]] | None = None,
) -> tuple[Rows, tuple[str, ...]]:
    """Return every unit of the store, whether it takes part or not, and the reader's notes.

    What cannot be read, and what is said to happen after `today`, is added to `faults`; image
    files that are not taken to `left_out`, if it is given, with the reason.

    Raises:
        DataError: If the store cannot be opened.
    """
    dataset, path = read(dataset_file)
    _require_archive(dataset_file, dataset, study)
    opt_out = _opt_out(dataset_file, dataset)
    join = Join(dataset, path, study, opt_out, today)
    if dataset.has_images:
        pictures = read_pictures(join, faults)
        if left_out is not None:
            left_out += pictures.left_out
        return pictures.rows, pictures.notes
    if dataset.dataset.kind == "arrays":
        cohort = open_cohort(dataset_file, study)
        flat = np.zeros((len(cohort.y), 0))
        if inputs(study).kind == "image-and-table":
            flat = cohort.x[:, : inputs(study).columns]
        return Rows(ids=cohort.ids, x=flat, y=cohort.y.astype(np.float64)), cohort.notes
    rows, notes = _rows(join, faults)
    if opt_out is None:
        return rows, notes
    return replace(rows, told=(*rows.told, *opt_out.doubts(rows.ids))), notes


def _rows(join: Join, faults: list[Fault]) -> tuple[Rows, tuple[str, ...]]:
    dataset, study, opt_out = join.dataset, join.study, join.opt_out
    if dataset.sources:
        return joined_rows(join, faults)
    if dataset.has_events:
        faults += uncoded(study)
        if faults:
            return _nobody(study), ()
        return event_rows(join.path, dataset, study, faults, opt_out, join.today)
    named = opt_out is not None
    return table_rows(join.path, dataset, study, faults, opt_out, named=named), ()


def _nobody(study: Study) -> Rows:
    none = np.zeros(0)
    return Rows(
        ids=(),
        x=np.zeros((0, len(columns(study)))),
        y=none,
        criteria=dict.fromkeys(study.cohort.criteria, none),
    )


def open_cohort(dataset_file: Path, study: Study) -> Cohort:
    """Return the cohort that `study` defines in the data of `dataset_file`.

    Raises:
        DataError: With every fault found, if the data do not fit the study.
    """
    dataset, path = read(dataset_file)
    _require_archive(dataset_file, dataset, study)
    opt_out = _opt_out(dataset_file, dataset)
    join = Join(dataset, path, study, opt_out)
    if dataset.has_images:
        return picture_cohort(join)
    if dataset.dataset.kind == "arrays":
        return read_arrays(path, study, opt_out)
    if dataset.sources:
        faults: list[Fault] = []
        rows, notes = joined_rows(join, faults)
        return assemble(rows, study, faults, lambda found: refuse(path, found), notes, opt_out)
    if dataset.has_events:
        return read_events(path, dataset, study, opt_out)
    return read_table(path, dataset, study, opt_out)


def _require_archive(dataset_file: Path, dataset: Dataset, study: Study) -> None:
    """Return unless images and a table are asked of a store that is no archive.

    Raises:
        DataError: If they are.
    """
    if inputs(study).kind == "image-and-table" and dataset.dataset.kind != "arrays":
        raise DataError(
            f"{dataset_file}: the study asks for images with the rows of a table",
            why="these are read from an archive only, where both are of the same units",
            remedy="write both into one .npz file (docs/formats/dataset.md), kind = 'arrays'",
        )


def _opt_out(dataset_file: Path, dataset: Dataset) -> OptOut | None:
    listed = dataset.dataset.opt_out
    return None if listed is None else read_opt_out(dataset_file.parent / listed)
