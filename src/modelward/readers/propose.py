"""A first dataset.toml for a store that nobody has described yet.

What can be seen is proposed: kind, encoding, decimal mark, headings that sound like the
study's names. What cannot is a commented line, never a guess. The file is a beginning; the
readiness check decides.
"""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from modelward.core.study import Study
from modelward.readers.dataset import IMAGE_KINDS, Kind
from modelward.readers.images.nifti import ENDINGS
from modelward.readers.images.propose import kind_of_pictures, picture_lines
from modelward.readers.propose_events import asked_codes, event_lines, patient_lines, roles
from modelward.readers.record import unreadable
from modelward.readers.text_columns import headings

SAMPLE = 1 << 20
"""Bytes of a file that are looked at."""

PATIENT = re.compile(r"pat|pseudonym|subject|person|mrn|nip|case_?id", re.I)
"""What headings that name a patient look like."""

WINDOWS = re.compile(rb"[\x80-\x9f]")
"""Bytes that mean nothing in latin-1: the euro sign and typographic quotes of Windows."""

COMMA = re.compile(r'(?:^|[;\t|"])-?\d+,\d+(?:[;\t|"]|$)', re.M)
"""A number with a decimal comma, between marks that are none."""


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
    if not path.is_file() or ending not in kinds:
        raise unreadable(str(path), "is no store that can be read")
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
        lines, left = [*lines, *_codes(study)], []
    for number, other in enumerate(others, start=1):
        added = _persons(lines, other)
        if not added:
            added, left = _source(other, number, study, left)
        lines += added
    if kind in IMAGE_KINDS and not others:
        lines += ["", *NO_SOURCE]
    return "\n".join(lines) + "\n", left if kind != "arrays" else []


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
    else:
        lines, rest = [*lines, *_codes(study)], list[str]()
    name = re.sub(r"[^a-z0-9]+", "-", path.name.partition(".")[0].lower()).strip("-")
    prefix = f"[sources.{name or f'source-{number}'}."
    nested = [prefix + line[1:] if line.startswith("[") else line for line in lines]
    return ["", *nested], rest


def _persons(lines: Sequence[str], path: Path) -> list[str]:
    """Return the lines of `[patients]`, if `lines` describe events and `path` the persons."""
    if "[events]" not in lines or kind_of(path) != "table":
        return []
    there = headings(path, _encoding(path))
    patient = next((name for name in there if PATIENT.search(name)), None)
    return patient_lines(path, there, patient) if patient else []


def _table(
    lines: list[str], path: Path, wanted: Sequence[str], study: Study
) -> tuple[list[str], list[str]]:
    """Return `lines` with what a table shows of itself, and the names it does not hold."""
    encoding = _encoding(path)
    there = headings(path, encoding)
    patient = next((name for name in there if PATIENT.search(name)), None)
    lines.append(f"patient = {_text(patient)}" if patient else '# patient = "?"')
    if encoding != "utf-8":
        lines.append(f'encoding = "{encoding}"')
    if _has_commas(path, encoding):
        lines.append('decimal = ","')
    found = {name: _near(name, there) for name in wanted}
    columns = roles(there)
    if columns and not any(found.values()):
        return [*lines, *event_lines(path, encoding, columns, study)], []
    lines += ["", "[columns]"]
    for name, heading in found.items():
        lines.append(f"{name} = {_text(heading)}" if heading else f'# {name} = "?"')
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
    if any(path.rglob("*.ndjson*")) or any(path.rglob("*.json*")):
        return "fhir"
    pictures = kind_of_pictures(path)
    if pictures is None:
        raise unreadable(str(path), "is no folder of OMOP, FHIR, MEDS, DICOM or NIfTI")
    return pictures


def _codes(study: Study) -> list[str]:
    listed = [f'# "your code" = "{code}"' for code in asked_codes(study)]
    return ["", "# [codes]        only where this store has codes of its own", *listed]


def _encoding(path: Path) -> str:
    if path.suffix.lower() in {".parquet", ".pq"}:
        return "utf-8"
    with path.open("rb") as stream:
        raw = stream.read(SAMPLE)
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        raw[: raw.rfind(b"\n") + 1].decode("utf-8")
    except UnicodeDecodeError:
        return "windows-1252" if WINDOWS.search(raw) else "latin-1"
    return "utf-8"


def _has_commas(path: Path, encoding: str) -> bool:
    if path.suffix.lower() in {".parquet", ".pq"}:
        return False
    with path.open(encoding=encoding, errors="replace") as stream:
        return COMMA.search(stream.read(SAMPLE)) is not None


def _near(name: str, there: Sequence[str]) -> str | None:
    """Return the heading that sounds like `name`, if one does."""
    plain = {heading.lower(): heading for heading in there}
    close = get_close_matches(name.lower(), plain, n=1, cutoff=0.75)
    return plain[close[0]] if close else None


def _text(text: str) -> str:
    """Return `text` as TOML."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
