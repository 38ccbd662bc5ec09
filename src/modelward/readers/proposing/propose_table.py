"""What a table shows of itself: its encoding, its marks in numbers, units in its headings.

Only what can be seen is proposed. 10,948 is one number with a decimal comma and another with
a comma for thousands, so where nothing in the file tells them apart both are left to a person.
"""

import gzip
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from modelward.core import units
from modelward.core.features import NumberFeature
from modelward.core.study import Study
from modelward.core.targets import TimeToEventTarget, time_of
from modelward.readers.tables.grouped import suspicious, written
from modelward.readers.tables.table_opened import asked_of
from modelward.readers.tables.text_columns import PARQUET, SEPARATORS, open_text

SAMPLE = 1 << 20
"""Bytes of a file that are looked at."""

WINDOWS = re.compile(rb"[\x80-\x9f]")
"""Bytes that mean nothing in latin-1: the euro sign and typographic quotes of Windows."""

BRACKETS = re.compile(r"[(\[]([^()\[\]]+)[)\]]")
"""Where headings say a unit."""

DATE = re.compile(r"[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{2,4}")

LEAST = 4
"""Letters of a name that is looked for among the words of a heading."""


def encoding_of(path: Path) -> str:
    """Return the encoding of the table at `path`, by its first bytes."""
    if path.suffix.lower() in PARQUET:
        return "utf-8"
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    with opened(path, "rb") as stream:
        raw = stream.read(SAMPLE)
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        raw[: raw.rfind(b"\n") + 1].decode("utf-8")
    except UnicodeDecodeError:
        return "windows-1252" if WINDOWS.search(raw) else "latin-1"
    return "utf-8"


def mark_lines(path: Path, encoding: str) -> list[str]:
    """Return what dataset.toml says of the marks in the numbers of a table."""
    if path.suffix.lower() in PARQUET:
        return []
    with open_text(path, encoding) as stream:
        head, text = stream.readline(), stream.read(SAMPLE)
    between = max(SEPARATORS, key=head.count)
    split = '"' if between == "," else r';\t|"\r\n'
    whole = re.findall(rf"(?<![^{split}])-?[0-9][0-9.,]*(?![^{split}])", text)
    commas = [each for each in whole if "," in each]
    points = [each for each in whole if "." in each and not DATE.fullmatch(each)]
    grouped = [each for each in points if re.match(written(".", ","), each)]
    if commas and not all(re.match(written(",", "."), each) for each in commas):
        more = ['thousands = "."'] if grouped and grouped == points else []
        return ['decimal = ","', *more]
    plain = re.search(r'(?<![^,;\t|"\r\n])-?[0-9]+\.[0-9]+(?![^,;\t|"\r\n])', text)
    if commas and plain and between == ",":
        return ['thousands = ","']
    if commas and all(re.match(suspicious(","), each) for each in commas):
        return [f'# numbers such as {commas[0]}: decimal = ","  or  thousands = ",", say which']
    return ['decimal = ","'] if commas else []


def unit_lines(study: Study, found: dict[str, str | None]) -> list[str]:
    """Return the lines of `[units]` for headings that say another unit than the study.

    Args:
        study: Whose features they are.
        found: Feature -> its heading.
    """
    lines = []
    for name, heading in found.items():
        feature, said = study.features.get(name), BRACKETS.findall(heading or "")
        if not isinstance(feature, NumberFeature) or not said:
            continue
        try:
            unit = units.spelled(said[-1].strip(), {})
            same = units.line(unit, feature.unit, molar_mass=feature.molar_mass) == (1.0, 0.0)
        except units.UnknownUnit:
            continue
        if not same:
            lines.append(f'{name} = "{said[-1].strip()}"   # as its heading says')
    return ["", "[units]", *lines] if lines else []


def asked_in_table(study: Study, wanted: Sequence[str]) -> list[str]:
    """Return what a table is looked through for: `wanted`, and the time beside an outcome."""
    times = {
        time_of(name)
        for name, target in study.target.items()
        if name in wanted and isinstance(target, TimeToEventTarget)
    }
    return [name for name in asked_of(study) if name in wanted or name in times]


def time_lines(study: Study, found: Mapping[str, str | None]) -> list[str]:
    """Return the line that says in which unit a time is taken, where a table has one."""
    return [
        f"# {time_of(name)} is taken in {target.unit or 'd'}; if this table has another unit: "
        f'[units] {time_of(name)} = "…"'
        for name, target in study.target.items()
        if isinstance(target, TimeToEventTarget) and found.get(time_of(name))
    ]


def matched(names: Sequence[str], there: Sequence[str]) -> dict[str, str | None]:
    """Return name -> heading that sounds like it, or None.

    A heading that is the very name of something else that is asked stands for that alone.
    """
    own = set(names)
    return {
        name: sounds_like(name, [each for each in there if each == name or each not in own])
        for name in names
    }


def sounds_like(name: str, there: Sequence[str]) -> str | None:
    """Return the heading that sounds like `name`, or alone has it among its words."""
    plain = {BRACKETS.sub("", heading).strip().lower(): heading for heading in there}
    plain |= {heading.lower(): heading for heading in there}
    close = get_close_matches(name.lower(), plain, n=1, cutoff=0.75)
    if close:
        return plain[close[0]]
    having = [h for h in there if name.lower() in re.split(r"[^\w]+|_", h.lower())]
    return having[0] if len(having) == 1 and len(name) >= LEAST else None
