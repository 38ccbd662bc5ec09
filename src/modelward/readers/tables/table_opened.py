"""A table opened: columns that could be read as values, and the rest of it as text.

What a column should hold follows from the study (`asks_of`); cells.py reads what it can, and
the columns with a text that breaks a rule come back as text, in the study's words and without
marks for thousands, so that table.py can name the line.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from modelward.core.features import CategoryFeature, NumberFeature
from modelward.core.study import Study
from modelward.core.targets import CategoryTarget, NumberTarget, TimeToEventTarget, time_of
from modelward.readers.dataset import Dataset
from modelward.readers.opt_out import OptOut
from modelward.readers.plausible import Told
from modelward.readers.tables.cells import Ask, cells
from modelward.readers.tables.grouped import ungrouped
from modelward.readers.tables.text_columns import Text, text_columns


def asked_of(study: Study) -> list[str]:
    """Return the names of what a table holds for `study`: features, target and criteria."""
    times = [
        time_of(name) for name, t in study.target.items() if isinstance(t, TimeToEventTarget)
    ]
    return [*study.features, *study.target, *times, *study.cohort.criteria]


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A table as far as it could be read, and the rest of it as text.

    Attributes:
        rows: In the file.
        read: Name -> values, where every text of the column could be read.
        text: Heading or name -> text: of the split, and of columns that could not be read.
        patients: Patient of every row; None if ids are not wanted.
        repeated: Rows that repeat a patient, or name none.
        out: Where the patient opted out.
        told: What somebody should look at.
    """

    rows: int
    read: Mapping[str, NDArray[np.float64]]
    text: Mapping[str, Text]
    patients: Text | None
    repeated: int
    out: NDArray[np.bool_]
    told: tuple[Told, ...] = ()


def opened(
    path: Path, dataset: Dataset, study: Study, opt_out: OptOut | None, *, named: bool
) -> Opened:
    """Return the table at `path`, opened.

    Args:
        path: CSV or Parquet.
        dataset: How it is written.
        study: What is asked for.
        opt_out: Patients whose values are not looked at.
        named: Whether ids are wanted as text.

    Raises:
        DataError: If the file is damaged or a column is not there.
    """
    source = dataset.dataset
    asks = asks_of(dataset, study)
    found = cells(path, asks, source, opt_out, named=named)
    unread = {name: ask.heading for name, ask in asks.items() if name not in found.read}
    again = found.repeated and source.patient is not None and found.patients is None
    special = [c for c in (source.patient if again else None, source.split) if c]
    wanted = [*unread.values(), *special]
    missing, encoding = source.missing, source.encoding
    text = text_columns(path, wanted, missing=missing, encoding=encoding) if wanted else {}
    out = np.zeros(found.rows, bool) if found.out is None else found.out
    for heading, column in text.items():
        if heading != source.patient:
            column[out] = "train" if heading == source.split else None
    mapped = {
        name: _mapped(text[heading], name, asks[name], dataset)
        for name, heading in unread.items()
    }
    patients = text[source.patient] if again and source.patient else found.patients
    return Opened(
        found.rows, found.read, {**text, **mapped}, patients, found.repeated, out, found.told
    )


def asks_of(dataset: Dataset, study: Study) -> dict[str, Ask]:
    """Return what each column of the table should hold."""
    found: dict[str, Ask] = {}
    times = {time_of(name) for name in study.target}
    for name in asked_of(study):
        feature = study.features.get(name)
        target = study.target.get(name)
        number = (
            isinstance(feature, NumberFeature)
            or isinstance(target, NumberTarget)
            or getattr(target, "above", None) is not None
            or (feature is None and name in times)
        )
        graded = isinstance(feature, CategoryFeature) or isinstance(target, CategoryTarget)
        levels = getattr(feature or target, "levels", ()) if graded else ()
        kind: Literal["number", "boolean", "level"] = "number" if number else "boolean"
        found[name] = Ask(
            dataset.heading(name),
            "level" if levels else kind,
            levels,
            dataset.values.get(name, {}),
        )
    return found


def _mapped(text: Text, name: str, ask: Ask, dataset: Dataset) -> Text:
    """Return a column in the study's words; what the site maps to '' is missing."""
    mark, decimal = dataset.dataset.thousands, dataset.dataset.decimal
    if mark and ask.kind == "number":
        text = np.array(
            [None if t is None else ungrouped(t, mark, decimal) for t in text], object
        )
    levels = dataset.values.get(name)
    if not levels:
        return text
    return np.array([None if t is None else levels.get(t, t) or None for t in text], object)
