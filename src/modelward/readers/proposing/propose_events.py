"""What a table of events shows of itself: which column is the code, which the time.

Told by headings of several languages; the codes that occur most often are listed, so that
whoever maps them need not open the file. Dates are read by the form of the first one.
"""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

import duckdb

from modelward.core.study import Study
from modelward.readers.events.wanted import Wanted, feature_codes, item_codes
from modelward.readers.tables.text_columns import open_relation, quiet_connection, unreadable

ROLES = {
    "code": re.compile(r"code|param|test|item|analyt|^was$|quoi|bezeich|concept|libell", re.I),
    "time": re.compile(r"time|dat|zeit|quand|when|fecha", re.I),
    "value": re.compile(r"value|wert|result|combien|valeur|ergebnis", re.I),
    "unit": re.compile(r"unit|einheit|unite|unité|uom", re.I),
}
"""What a column of `[events]` is for -> what its heading looks like."""

SEX = re.compile(r"sex|gender|geschlecht", re.I)
BIRTH = re.compile(r"birth|geb|naiss|dob", re.I)
DEATH = re.compile(r"death|tod|deces|décès|gestorben|^dod", re.I)

DATES = {
    r"\d{4}-\d{2}-\d{2}([ T].*)?": "",
    r"\d{2}\.\d{2}\.\d{4}": "%d.%m.%Y",
    r"\d{2}\.\d{2}\.\d{4} \d{2}:\d{2}": "%d.%m.%Y %H:%M",
    r"\d{2}/\d{2}/\d{4}": "%d/%m/%Y",
    r"\d{2}/\d{2}/\d{4} \d{2}:\d{2}": "%d/%m/%Y %H:%M",
}
"""How a date looks -> its format. A slash is taken for day first; if not, the check refuses."""

LISTED = 12
"""Codes that are shown."""


def roles(there: Sequence[str]) -> dict[str, str]:
    """Return role -> heading; empty unless there is a code and a time."""
    found: dict[str, str] = {}
    for role, looks in ROLES.items():
        match = next((name for name in there if looks.search(name)), None)
        if match is not None and match not in found.values():
            found[role] = match
    return found if {"code", "time"} <= found.keys() else {}


def asked_codes(study: Study) -> list[str]:
    """Return the codes of a study that a store must have records of."""
    index = () if study.cohort.index is None else study.cohort.index.code
    every = {code for codes in (*feature_codes(study).values(), index) for code in codes}
    return sorted(code for code in every if not code.startswith("Patient:"))


def event_lines(path: Path, encoding: str, found: dict[str, str], study: Study) -> list[str]:
    """Return the lines of `[events]` and `[codes]` for the table at `path`.

    Raises:
        DataError: If the file cannot be read.
    """
    code, time = (f'"{found[role]}"' for role in ("code", "time"))
    try:
        with quiet_connection() as connection:
            open_relation(connection, path, encoding).create_view("rows")
            codes = connection.execute(
                f"SELECT {code}, count(*) AS n FROM rows WHERE {code} IS NOT NULL "
                f"GROUP BY ALL ORDER BY n DESC, 1 LIMIT {LISTED}"
            ).fetchall()
            first = connection.execute(
                f"SELECT {time} FROM rows WHERE {time} IS NOT NULL LIMIT 1"
            ).fetchall()
    except duckdb.Error as error:
        raise unreadable(path, error, encoding) from error
    shown = str(first[0][0]).strip() if first else ""
    written = next((form for look, form in DATES.items() if re.fullmatch(look, shown)), None)
    dates = [f'dates = "{written}"'] if written else []
    if written is None:
        dates = [f'# dates = "?"   # the first one is written {shown}']
    wanted = asked_codes(study)
    return [
        *dates, "", "[events]", *(f'{role} = "{name}"' for role, name in found.items()),
        "", f"[codes]      # this site's -> the study's: {', '.join(wanted)}",
        *(f'# "{name}" = "?"   # {count} rows' for name, count in codes),
    ]  # fmt: skip


def unmapped(path: Path, encoding: str, code: str, study: Study) -> list[str]:
    """Return the names of a study none of whose codes stands in the column `code` as it is.

    Raises:
        DataError: If the file cannot be read.
    """
    try:
        with quiet_connection() as connection:
            open_relation(connection, path, encoding).create_view("rows")
            query = f'SELECT DISTINCT "{code}" FROM rows WHERE "{code}" IS NOT NULL'
            seen = [str(row[0]).strip() for row in connection.execute(query).fetchall()]
    except duckdb.Error as error:
        raise unreadable(path, error, encoding) from error
    there = set(Wanted.of(study, {}).matches(seen))
    return without(study, there)


def without(study: Study, there: Collection[str]) -> list[str]:
    """Return the names of a study none of whose codes is in `there`; a person has its own."""
    named = {**feature_codes(study), **item_codes(study)}
    if study.cohort.index is not None:
        named["cohort.index"] = study.cohort.index.code
    return [
        name
        for name, codes in named.items()
        if codes and not any(code.startswith("Patient:") or code in there for code in codes)
    ]


def patient_lines(path: Path, there: Sequence[str], patient: str) -> list[str]:
    """Return the lines of `[patients]` for a table of persons; none if it is not one."""
    asked = {"sex": SEX, "birth": BIRTH, "death": DEATH}
    found = {role: next((name for name in there if looks.search(name)), None)
             for role, looks in asked.items()}  # fmt: skip
    if not (found["sex"] or found["birth"]):
        return []
    said = [f'{role} = "{name}"' for role, name in found.items() if name]
    return ["", "[patients]", f'path = "{path.resolve()}"', f'patient = "{patient}"', *said]
