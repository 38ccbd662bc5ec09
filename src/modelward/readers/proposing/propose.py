"""A first dataset.toml for a store that nobody has described yet.

What can be seen is proposed: kind, encoding, decimal mark, headings that sound like the
study's names. What cannot is a commented line, never a guess. The file is a beginning; the
readiness check decides.
"""

import gzip
import re
from collections.abc import Sequence
from pathlib import Path

from modelward.core.study import Study
from modelward.readers.dataset import IMAGE_KINDS, Kind
from modelward.readers.images.nifti import ENDINGS
from modelward.readers.images.propose import kind_of_pictures, picture_lines
from modelward.readers.proposing.propose_codes import code_lines
from modelward.readers.proposing.propose_events import (
    event_lines,
    patient_lines,
    roles,
    unmapped,
)
from modelward.readers.proposing.propose_table import (
    asked_in_table,
    encoding_of,
    mark_lines,
    matched,
    time_lines,
    unit_lines,
)
from modelward.readers.record import unreadable
from modelward.readers.tables.text_columns import headings

GIVEN = "give the folder, file or database that holds the data (docs/data.md lists the kinds)"

PATIENT = re.compile(r"pat|pseudonym|subject|person|mrn|nip|case_?id|^p?id$|^piz$", re.I)
"""What headings that name a patient look like."""


def kind_of(path: Path) -> Kind:
    """Return what kind of store lies at `path`.

    Raises:
        DataError: If it is none that can be read.
    """
    if path.is_dir():
        return _kind_of_folder(path)
    if path.name.lower().endswith(ENDINGS):
        return "nifti"
    ending = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    kinds: dict[str, Kind] = {
        "csv": "table", "tsv": "table", "txt": "table", "parquet": "table", "pq": "table",
        "npz": "arrays", "ndjson": "fhir", "json": "fhir", "duckdb": "omop", "sqlite": "omop",
        "db": "omop", "dcm": "dicom",
    }  # fmt: skip
    if not path.exists():
        raise unreadable(str(path), "there is no such file or folder", GIVEN)
    if not path.is_file() or ending not in kinds:
        raise unreadable(str(path), "is no store that can be read", GIVEN)
    return kinds[ending]


def proposal(path: Path, study: Study, others: Sequence[Path] = ()) -> tuple[str, list[str]]:
    """Return the text of a dataset.toml, and the names that were not found.

    Args:
        path: The main store.
        study: What is asked for.
        others: Sources of the same patients, joined to it.

    Raises:
        DataError: If there is nothing to read at a path.
    """
    kind = kind_of(path)
    lines = ["[dataset]", f'kind = "{kind}"', f"path = {_text(str(path.resolve()))}"]
    wanted = [*study.features, study.target_name, *study.cohort.criteria]
    left = [name for name in wanted if study.image is None or name != study.image[0]]
    if kind in IMAGE_KINDS:
        lines += picture_lines(path, study)
    elif kind == "table":
        lines, left = _table(lines, path, left, study)
    elif kind != "arrays":
        added, left = code_lines(path, kind, study)
        lines += added
    for number, other in enumerate(others, start=1):
        added = _persons(lines, other)
        if not added:
            added, left = _source(other, number, study, left)
        lines += added
    if kind in IMAGE_KINDS and not others:
        lines += ["", *NO_SOURCE]
    return "\n".join(lines) + "\n", left if kind != "arrays" else []


NO_PATIENT = '# patient = "?"'
"""Stands where no heading looks like that of a patient."""

NO_SOURCE = (
    "# Outcomes come from another source: give it to init as well, or write, for a table,",
    "# [sources.labels.dataset]",
    '# kind = "table"',
    '# path = "labels.csv"',
    '# patient = "?"        # the heading with the ids of the images\' patients',
)


def _source(
    path: Path, number: int, study: Study, left: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Return lines for one more source, and the names that it does not hold either."""
    kind = kind_of(path)
    lines = ["[dataset]", f'kind = "{kind}"', f"path = {_text(str(path.resolve()))}"]
    if kind == "table":
        lines, rest = _table(lines, path, left, study)
        if NO_PATIENT in lines:
            rest = [*rest, f"the heading of the patient in {path.name}"]
    else:
        added, rest = code_lines(path, kind, study)
        lines, rest = [*lines, *added], [name for name in rest if name in left]
    name = re.sub(r"[^a-z0-9]+", "-", path.name.partition(".")[0].lower()).strip("-")
    prefix = f"[sources.{name or f'source-{number}'}."
    nested = [prefix + line[1:] if line.startswith("[") else line for line in lines]
    return ["", *nested], rest


def _persons(lines: Sequence[str], path: Path) -> list[str]:
    """Return the lines of `[patients]`, if `lines` describe events and `path` the persons."""
    if "[events]" not in lines or kind_of(path) != "table":
        return []
    there = headings(path, encoding_of(path))
    patient = next((name for name in there if PATIENT.search(name)), None)
    return patient_lines(path, there, patient) if patient else []


def _table(
    lines: list[str], path: Path, wanted: Sequence[str], study: Study
) -> tuple[list[str], list[str]]:
    """Return `lines` with what a table shows of itself, and the names it does not hold."""
    encoding = encoding_of(path)
    there = headings(path, encoding)
    patient = next((name for name in there if PATIENT.search(name)), None)
    lines.append(f"patient = {_text(patient)}" if patient else NO_PATIENT)
    if encoding != "utf-8":
        lines.append(f'encoding = "{encoding}"')
    lines += mark_lines(path, encoding)
    found = matched(asked_in_table(study, wanted), there)
    columns = roles(there)
    if columns and not any(found.values()):
        absent = unmapped(path, encoding, columns["code"], study)
        return [*lines, *event_lines(path, encoding, columns, study)], absent
    lines += ["", "[columns]"]
    for name, heading in found.items():
        lines.append(f"{name} = {_text(heading)}" if heading else f'# {name} = "?"')
    lines += time_lines(study, found)
    lines += unit_lines(study, found)
    absent = [name for name, heading in found.items() if heading is None]
    if absent:
        lines += ["", f"# Headings there are: {', '.join(there)}"]
    return lines, absent


def _kind_of_folder(path: Path) -> Kind:
    names = [each.name.lower() for each in path.iterdir()]
    if any(name.split(".")[0] == "person" for name in names):
        return "omop"
    if (path / "data").is_dir() or any(name.endswith(".parquet") for name in names):
        return "meds"
    if any(path.rglob("*.ndjson*")) or any(map(_is_fhir, path.rglob("*.json*"))):
        return "fhir"
    pictures = kind_of_pictures(path)
    if pictures is None:
        raise unreadable(str(path), "is no folder of OMOP, FHIR, MEDS, DICOM or NIfTI", GIVEN)
    return pictures


def _is_fhir(path: Path) -> bool:
    """Return whether a JSON file, gzipped or not, begins as a resource does."""
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    with opened(path, "rb") as stream:
        return b'"resourceType"' in stream.read(1 << 16)


def _text(text: str) -> str:
    """Return `text` as TOML."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
