"""MEDS: Parquet files with subject_id, time, code and numeric_value, to events and patients.

The Medical Event Data Standard (github.com/Medical-Event-Data-Standard/meds, 0.3 and 0.4):
a folder `data/` of Parquet shards; codes are `VOCABULARY//CODE` or a site's own; MEDS_BIRTH
and MEDS_DEATH are dates of a person, GENDER//... its sex. DuckDB streams the shards; only
rows with a code that the study wants are kept.
"""

from pathlib import Path

import duckdb
import numpy as np

from modelward.readers.dataset import Dataset
from modelward.readers.events.wanted import VOCABULARIES, Wanted
from modelward.readers.record import (
    PATH,
    Person,
    add_patients,
    quoted,
    sex_of,
    unreadable,
)

NEEDED = {"subject_id", "time", "code", "numeric_value"}


def load(
    connection: duckdb.DuckDBPyConnection, path: Path, dataset: Dataset, wanted: Wanted
) -> tuple[str, ...]:
    """Add what a study wants of the MEDS dataset at `path`.

    Raises:
        DataError: If there is no shard, or one cannot be read, or a column is missing.
    """
    shards = path if path.is_file() else _shards(path)
    try:
        source = f"read_parquet({quoted(str(shards))}, union_by_name=true)"
        found = {row[0] for row in connection.execute(f"DESCRIBE FROM {source}").fetchall()}
        absent = sorted(NEEDED - found)
        if absent:
            says = f"no column {', '.join(absent)}; MEDS has it"
            raise unreadable(str(path), says, "name the folder of a MEDS dataset as `path`")
        torn = _load(connection, source, found, dataset, wanted)
    except duckdb.Error as error:
        raise unreadable(str(path), str(error).splitlines()[0]) from error
    if not torn:
        return ()
    return (f"{torn} patients have more than one sex, so theirs is taken as not known.",)


def _shards(path: Path) -> Path:
    folder = path / "data" if (path / "data").is_dir() else path
    if not any(folder.rglob("*.parquet")):
        raise unreadable(str(path), "there is no .parquet file", PATH)
    return folder / "**" / "*.parquet"


def _load(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    found: set[str],
    dataset: Dataset,
    wanted: Wanted,
) -> int:
    """Fill the two views; return how many patients have more than one sex."""
    seen = [
        row[0] for row in connection.execute(f"SELECT DISTINCT code FROM {source}").fetchall()
    ]
    pairs = [(code, study) for code in seen for study in wanted.matches([spoken(code)])]
    text = "text_value" if "text_value" in found else "NULL"
    unit = "unit" if "unit" in found else "NULL"
    connection.register("asked", {
        "given": np.array([given for given, _ in pairs], object),
        "meant": np.array([meant for _, meant in pairs], object),
    })  # fmt: skip
    connection.execute(
        f"INSERT INTO events SELECT subject_id::VARCHAR, time::TIMESTAMP, meant, "
        f"numeric_value::DOUBLE, {text}, {unit} FROM {source} JOIN asked ON code = given"
    )
    connection.unregister("asked")
    people = connection.execute(
        "SELECT subject_id::VARCHAR, list(DISTINCT code) FILTER (code LIKE 'GENDER//%'), "
        "min(time) FILTER (code = 'MEDS_BIRTH'), min(time) FILTER (code = 'MEDS_DEATH') "
        f"FROM {source} GROUP BY ALL"
    ).fetchall()
    words = dict(dataset.values.get("sex", {}))
    sexes = [
        {sex_of(code.removeprefix("GENDER//"), words) for code in codes or ()}
        for _, codes, _, _ in people
    ]
    add_patients(
        connection,
        (
            Person(name, found.copy().pop() if len(found) == 1 else None,
                   birth and birth.date(), death and death.date())
            for (name, _, birth, death), found in zip(people, sexes, strict=True)
        ),
    )  # fmt: skip
    return sum(1 for found in sexes if len(found) > 1)


def spoken(code: str) -> str:
    """Return a MEDS code as SYSTEM:CODE where its vocabulary is one of ours.

    >>> spoken("LOINC//2160-0"), spoken("LAB//50912//mg/dL")
    ('LOINC:2160-0', 'LAB//50912//mg/dL')
    """
    vocabulary, mark, rest = code.partition("//")
    system = VOCABULARIES.get(
        vocabulary, vocabulary if vocabulary in VOCABULARIES.values() else ""
    )
    return f"{system}:{rest}" if mark and system else code
