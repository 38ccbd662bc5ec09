"""A CDM gives the same cohort from any store; vocabularies are followed, never guessed."""

import shutil
import sqlite3
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from modelward.errors import DataError
from modelward.readers.cohort import Cohort
from modelward.readers.events import omop_store
from modelward.readers.open import open_cohort
from modelward.study.read import parse
from tests.kinds import STUDY, omop_tables, patients, write_site
from tests.shared_data import shared

PEOPLE = patients(120)


def columns(rows: list[dict[str, object]]) -> str:
    """Return the columns of a table with the types of the CDM's documentation."""
    types = {int: "BIGINT", str: "VARCHAR", float: "DOUBLE PRECISION", datetime: "TIMESTAMP",
             date: "DATE"}  # fmt: skip
    kinds = {k: type(v) for row in rows for k, v in row.items() if v is not None}
    return ", ".join(f"{name} {types.get(kinds.get(name, str), 'VARCHAR')}" for name in rows[0])


Execute = Callable[[str, Sequence[object]], object]


def same_value(value: object) -> object:
    """Return `value`: most databases know dates."""
    return value


def fill(execute: Execute, mark: str, plain: Callable[[object], object] = same_value) -> None:
    """Write the CDM through a DB-API `execute`."""
    for name, rows in omop_tables(PEOPLE).items():
        execute(f"CREATE TABLE {name} ({columns(rows)})", ())
        marks = ", ".join([mark] * len(rows[0]))
        for row in rows:
            execute(f"INSERT INTO {name} VALUES ({marks})", [plain(v) for v in row.values()])


def cohort(folder: Path, text: str) -> Cohort:
    (folder / "dataset.toml").write_text(f'[dataset]\nkind = "omop"\n{text}\n')
    return open_cohort(folder / "dataset.toml", parse(STUDY))


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("csv")
    return open_cohort(write_site(folder / "site", "omop", PEOPLE), parse(STUDY))


def same(found: Cohort, expected: Cohort) -> bool:
    return found.x.tobytes() == expected.x.tobytes() and found.ids == expected.ids


@pytest.mark.slow
def test_a_duckdb_database_gives_what_files_give(tmp_path, expected):
    with duckdb.connect(str(tmp_path / "cdm.db")) as connection:
        fill(connection.execute, "?")

    assert same(cohort(tmp_path, 'path = "cdm.db"'), expected)


def test_an_sqlite_database_gives_what_files_give(tmp_path, expected):
    with closing(sqlite3.connect(tmp_path / "cdm.db")) as connection:
        fill(connection.execute, "?", lambda v: str(v) if isinstance(v, date) else v)
        connection.commit()

    assert same(cohort(tmp_path, 'path = "cdm.db"'), expected)


@pytest.fixture
def server() -> Iterator[int]:
    """A real PostgreSQL server of this test alone, on a free port."""
    import socket

    program = shutil.which("postgres")
    if program is None:
        pytest.skip("no postgres on this machine; Debian: apt install postgresql")
    bin_folder = Path(program).resolve().parent
    if not (bin_folder / "initdb").exists():
        pytest.skip(f"no initdb beside {bin_folder}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    as_user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    data = Path("/tmp") / f"modelward-pg-{port}"
    data.mkdir()
    shutil.chown(data, "nobody", "nogroup")
    init = [*as_user, str(bin_folder / "initdb"), "-D", str(data), "-U", "cdm", "-A", "trust"]
    subprocess.run(init, check=True, capture_output=True, timeout=60)
    process = subprocess.Popen(
        [*as_user, str(bin_folder / "postgres"), "-D", str(data), "-p", str(port),
         "-k", str(data),
         "-c", "listen_addresses=127.0.0.1"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)
        shutil.rmtree(data)


def connect(port: int) -> Any:
    """Return a connection, as soon as the server answers."""
    import pg8000.dbapi

    end = time.monotonic() + 30
    while True:
        try:
            return pg8000.dbapi.connect("cdm", "127.0.0.1", "postgres", port)
        except (pg8000.dbapi.Error, OSError):
            assert time.monotonic() < end, "the server did not answer"
            time.sleep(0.2)


@pytest.mark.slow
def test_a_real_postgresql_server_gives_what_files_give(
    tmp_path, expected, server, monkeypatch
):
    connection = connect(server)
    fill(connection.cursor().execute, "%s")
    connection.cursor().execute("CREATE ROLE guest LOGIN")
    connection.commit()
    connection.close()
    monkeypatch.setenv("CDM_URL", f"postgresql://cdm@127.0.0.1:{server}/postgres")

    assert same(cohort(tmp_path, 'url_env = "CDM_URL"'), expected)
    store = omop_store.open_postgres(f"postgresql://cdm@127.0.0.1:{server}/postgres", "")
    with pytest.raises(DataError, match="in a read-only transaction"):
        next(store.select("DELETE FROM person RETURNING person_id"))
    store.close()

    monkeypatch.setenv("CDM_URL", f"postgresql://guest@127.0.0.1:{server}/postgres")
    with pytest.raises(DataError, match="there is no table PERSON") as caught:
        cohort(tmp_path, 'url_env = "CDM_URL"')
    assert "give the account SELECT" in caught.value.remedy
    store = omop_store.open_postgres(f"postgresql://guest@127.0.0.1:{server}/postgres", "")
    with pytest.raises(DataError, match="permission denied for table person") as caught:
        next(store.select("SELECT person_id FROM person"))
    assert "give the account SELECT" in caught.value.remedy
    store.close()


def test_an_address_that_is_not_set_is_told(tmp_path, monkeypatch):
    monkeypatch.delenv("CDM_URL", raising=False)

    with pytest.raises(
        DataError, match="CDM_URL: this environment variable is not set"
    ) as told:
        cohort(tmp_path, 'url_env = "CDM_URL"')
    assert "export CDM_URL=postgresql://" in told.value.remedy


def test_a_database_without_a_column_is_told_which_and_what_helps(tmp_path):
    with closing(sqlite3.connect(tmp_path / "cdm.db")) as connection:
        connection.execute("CREATE TABLE person (person_id INTEGER)")
        connection.execute("CREATE TABLE measurement (measurement_id INTEGER)")
        connection.commit()

    with pytest.raises(DataError, match="no such column") as told:
        cohort(tmp_path, 'path = "cdm.db"')
    assert told.value.remedy.startswith("is it CDM 5.4?")


@pytest.mark.parametrize(
    ("error", "helps"),
    [
        (sqlite3.OperationalError("database is locked"), "close the program that writes to it"),
        (duckdb.IOException("IO Error: Conflicting lock is held"), "close the program"),
        (sqlite3.DatabaseError("file is not a database"), "write it again from its source"),
        (OSError("timed out"), "ask again when the server is free"),
        (sqlite3.OperationalError(""), "write it again"),
    ],
)
def test_what_helps_depends_on_what_the_store_says(error, helps):
    assert omop_store.refused("cdm.db", error).remedy.startswith(helps)


@pytest.mark.slow
def test_concepts_are_followed_to_standard_ones_and_down(tmp_path):
    write_site(tmp_path / "site", "omop", PEOPLE)
    cdm = tmp_path / "site" / "cdm"
    text = (cdm / "CONDITION_OCCURRENCE.csv").read_text()
    # The site records a kind of diabetes below the study's, and infarcts by a source code.
    (cdm / "CONDITION_OCCURRENCE.csv").write_text(
        text.replace(",201826,", ",999001,").replace(",4329847,", ",999002,")
    )
    (cdm / "CONCEPT_ANCESTOR.csv").write_text(
        "ancestor_concept_id,descendant_concept_id\n201826,999001\n"
    )
    (cdm / "CONCEPT_RELATIONSHIP.csv").write_text(
        "concept_id_1,concept_id_2,relationship_id\n4329847,999002,Maps to\n4329847,1,Is a\n"
    )

    found = open_cohort(tmp_path / "site" / "dataset.toml", parse(STUDY))
    again = open_cohort(write_site(tmp_path / "plain", "omop", PEOPLE), parse(STUDY))

    assert same(found, again)


@pytest.mark.slow
def test_without_vocabulary_the_site_names_its_concepts(tmp_path):
    write_site(tmp_path / "site", "omop", PEOPLE)
    (tmp_path / "site" / "cdm" / "CONCEPT.csv").unlink()
    with (tmp_path / "site" / "dataset.toml").open("a") as stream:
        stream.write('[codes]\n"4329847" = "SNOMED:22298006"\n"201826" = "SNOMED:44054006"\n')

    with pytest.raises(DataError) as caught:
        open_cohort(tmp_path / "site" / "dataset.toml", parse(STUDY))

    assert "creatinine: 100% missing or out of range" in caught.value.what


SYNTHEA = """
[study]
id = "weights"
purpose = "Tell who has ever had sinusitis"
min_patients = 5

[features.weight]
type = "number"
unit = "kg"
range = [1, 300]
code = ["LOINC:29463-7"]
pick = "max"

[target.sinusitis]
code = ["SNOMED:36971009"]

[recipe]
name = "logistic"
"""


@pytest.mark.slow
def test_the_synthea_cdm_of_the_ohdsi_community_is_read(tmp_path):
    source = shared("omop_synthea27nj") / "Synthea27Nj_5.4.zip"
    with zipfile.ZipFile(source) as archive:
        archive.extractall(tmp_path / "cdm")
    (tmp_path / "dataset.toml").write_text('[dataset]\nkind = "omop"\npath = "cdm"\n')

    found = open_cohort(tmp_path / "dataset.toml", parse(SYNTHEA))

    weights = duckdb.execute(
        "SELECT max(value_as_number) FROM "
        f"read_csv('{tmp_path}/cdm/MEASUREMENT.csv') "
        "WHERE measurement_source_value = '29463-7' "
        "GROUP BY person_id ORDER BY person_id::VARCHAR"
    ).fetchall()
    assert [value for (value,) in weights] == found.x[:, 0].tolist()
    assert len(found.y) == 28
