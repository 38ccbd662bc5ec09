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
from modelward.readers.dataset import Kind
from modelward.readers.record import unreadable
from modelward.readers.text_columns import headings

SAMPLE = 1 << 20
"""Bytes of a file that are looked at."""

PATIENT = re.compile(r"pat|pseudonym|subject|person|mrn|nip|case_?id", re.I)
"""What headings that name a patient look like."""

COMMA = re.compile(r'(?:^|[;\t|"])-?\d+,\d+(?:[;\t|"]|$)', re.M)
"""A number with a decimal comma, between marks that are none."""


def kind_of(path: Path) -> Kind:
    """Return what kind of store lies at `path`.

    Raises:
        DataError: If it is none that can be read.
    """
    if path.is_dir():
        return _kind_of_folder(path)
    ending = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    kinds: dict[str, Kind] = {
        "csv": "table", "tsv": "table", "txt": "table", "parquet": "table", "pq": "table",
        "npz": "arrays", "ndjson": "fhir", "json": "fhir", "duckdb": "omop", "sqlite": "omop",
        "db": "omop",
    }  # fmt: skip
    if not path.is_file() or ending not in kinds:
        raise unreadable(str(path), "is no store that can be read")
    return kinds[ending]


def proposal(path: Path, study: Study) -> tuple[str, list[str]]:
    """Return the text of a dataset.toml for `path`, and the names that were not found.

    Raises:
        DataError: If there is nothing to read at `path`.
    """
    kind = kind_of(path)
    lines = ["[dataset]", f'kind = "{kind}"', f"path = {_text(str(path.resolve()))}"]
    if kind != "table":
        return "\n".join([*lines, *_codes(study)]) + "\n", []
    encoding = _encoding(path)
    there = headings(path, encoding)
    patient = next((name for name in there if PATIENT.search(name)), None)
    lines.append(f"patient = {_text(patient)}" if patient else '# patient = "?"')
    if encoding != "utf-8":
        lines.append(f'encoding = "{encoding}"')
    if _has_commas(path, encoding):
        lines.append('decimal = ","')
    wanted = [*study.features, study.target_name, *study.cohort.criteria]
    found = {name: _near(name, there) for name in wanted}
    lines += ["", "[columns]"]
    for name, heading in found.items():
        lines.append(f"{name} = {_text(heading)}" if heading else f'# {name} = "?"')
    absent = [name for name, heading in found.items() if heading is None]
    if absent:
        lines += ["", f"# Headings there are: {', '.join(there)}"]
    return "\n".join(lines) + "\n", absent


def _kind_of_folder(path: Path) -> Kind:
    names = [each.name.lower() for each in path.iterdir()]
    if any(name.split(".")[0] == "person" for name in names):
        return "omop"
    if (path / "data").is_dir() or any(name.endswith(".parquet") for name in names):
        return "meds"
    if any(path.rglob("*.ndjson*")) or any(path.rglob("*.json*")):
        return "fhir"
    raise unreadable(str(path), "is no OMOP, FHIR or MEDS folder")


def _codes(study: Study) -> list[str]:
    asked = [*study.features.values(), study.outcome]
    codes = sorted({code for each in asked for code in getattr(each, "code", ())})
    listed = [f'# "your code" = "{code}"' for code in codes if not code.startswith("Patient:")]
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
        return "latin-1"
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
