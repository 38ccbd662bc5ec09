"""Times to an event: columns of tables in any unit, and events around an index."""

from pathlib import Path

import numpy as np
import pytest

from modelward.errors import DataError
from modelward.readers.open import open_cohort
from modelward.site.isolation.snapshot import cohort_digest, read_snapshot, write_snapshot
from modelward.study.read import parse

STUDY = """
[study]
id = "survival"
purpose = "How long"
min_patients = 1
[cohort.index]
code = ["SNOMED:44054006"]
[features.age]
type = "number"
unit = "a"
range = [0, 120]
code = ["Patient:age"]
[target.death]
type = "time-to-event"
horizon = 1000
code = ["Patient:death"]
[recipe]
name = "cox"
[plan]
strategy = "sums"
test = 0.0
"""
TABLE = STUDY.replace('[cohort.index]\ncode = ["SNOMED:44054006"]\n', "").replace(
    'code = ["Patient:age"]\n', ""
)

HEADING = "age,death,death_time"


def table(folder: Path, rows: list[str], more: str = "", heading: str = HEADING) -> Path:
    (folder / "data.csv").write_text("\n".join([heading, *rows]) + "\n")
    (folder / "dataset.toml").write_text(
        f'[dataset]\nkind = "table"\npath = "data.csv"\n{more}'
    )
    return folder / "dataset.toml"


def test_a_table_has_the_event_under_the_name_and_the_time_beside_it(tmp_path):
    file = table(tmp_path, ["60,yes,12.5", "61,no,800", "62,1,0", "63,,5", "64,0,"])

    found = open_cohort(file, parse(TABLE))

    assert found.y.tolist() == [1, 0, 1]
    assert found.amount is not None
    assert found.amount.tolist() == [12.5, 800.0, 0.0]
    assert found.notes == ("2 of 5 rows left out: no known outcome.",)


def test_follow_up_ends_at_the_horizon(tmp_path):
    file = table(tmp_path, ["60,1,1000", "61,1,1001", "62,0,4000"])

    found = open_cohort(file, parse(TABLE))

    assert found.y.tolist() == [1, 0, 0]
    assert found.amount is not None
    assert found.amount.tolist() == [1000.0, 1000.0, 1000.0]


def test_the_unit_is_the_studys_unless_the_site_says_its_own(tmp_path):
    months = parse(TABLE.replace("horizon = 1000", 'horizon = 1000\nunit = "mo"'))
    file = table(tmp_path, ["60,1,2"])
    assert open_cohort(file, months).amount == pytest.approx([2 * 30.4375])

    file = table(tmp_path, ["60,1,2"], '[units]\ndeath_time = "wk"\n')

    assert open_cohort(file, months).amount == pytest.approx([14.0])


def test_headings_are_mapped_and_decimal_commas_read(tmp_path):
    more = 'decimal = ","\n[columns]\ndeath = "Status"\ndeath_time = "Tage"\n'
    file = table(tmp_path, ["60;1;7,5"], more, heading="age;Status;Tage")

    assert open_cohort(file, parse(TABLE)).amount == pytest.approx([7.5])


def test_a_time_before_time_began_is_a_fault_with_its_line(tmp_path):
    file = table(tmp_path, ["60,1,2", "61,0,-3"])

    with pytest.raises(DataError, match="death_time: 1 time is negative, the first on line 3"):
        open_cohort(file, parse(TABLE))


def test_events_are_counted_in_days_from_the_index(tmp_path):
    """a dies on day 10; b was last seen on day 40; c died at the index; d was never seen."""
    lines = [
        "patient,code,time",
        *(f"{who},44054006,2024-01-01" for who in "abcd"),
        "b,8867-4,2024-02-10",
        "a,8867-4,2024-01-05",
    ]
    (tmp_path / "events.csv").write_text("\n".join(lines) + "\n")
    people = ["id,sex,born,died", "a,f,1960-01-01,2024-01-11", "b,m,1950-05-05,",
              "c,m,1940-01-01,2024-01-01", "d,f,1970-01-01,"]  # fmt: skip
    (tmp_path / "people.csv").write_text("\n".join(people) + "\n")
    (tmp_path / "dataset.toml").write_text(
        '[dataset]\nkind = "table"\npath = "events.csv"\npatient = "patient"\n'
        '[events]\ncode = "code"\ntime = "time"\n'
        '[codes]\n"44054006" = "SNOMED:44054006"\n"8867-4" = "LOINC:8867-4"\n'
        '[patients]\npath = "people.csv"\npatient = "id"\nsex = "sex"\nbirth = "born"\n'
        'death = "died"\n'
    )
    seen = parse(STUDY.replace("horizon = 1000", 'horizon = 1000\nfollowed = ["LOINC:8867-4"]'))

    found = open_cohort(tmp_path / "dataset.toml", seen)

    assert found.ids == ("a", "b")
    assert found.y.tolist() == [1, 0]
    assert found.amount is not None
    assert found.amount.tolist() == [10.0, 40.0]
    assert "2 of 4 rows left out: no known outcome." in found.notes


def test_a_store_of_events_needs_an_index(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "dataset.toml").write_text('[dataset]\nkind = "fhir"\npath = "data"\n')
    plain = parse(
        TABLE.replace("range = [0, 120]", 'range = [0, 120]\ncode = ["LOINC:8867-4"]')
    )

    with pytest.raises(DataError, match="death: is counted from an index event"):
        open_cohort(tmp_path / "dataset.toml", plain)


def test_the_snapshot_of_a_cohort_keeps_the_times(tmp_path):
    file = table(tmp_path, ["60,1,12.5", "61,0,800"])
    study = parse(TABLE)
    cohort = open_cohort(file, study)

    facts = write_snapshot(cohort, study, tmp_path, b"k" * 32)
    _, again = read_snapshot(tmp_path / "snapshots" / study.sha256, facts.bundle)

    assert facts.bundle == cohort_digest(cohort)
    assert again.amount is not None
    assert again.amount.tolist() == [12.5, 800.0]
    assert np.array_equal(again.y, cohort.y)


def test_a_number_is_read_in_its_unit_and_range(tmp_path):
    text = TABLE.replace(
        'type = "time-to-event"\nhorizon = 1000\ncode = ["Patient:death"]',
        'type = "number"\nunit = "kg"\nrange = [1, 300]',
    ).replace('name = "cox"', 'name = "glm"\noptions = { family = "linear" }')
    file = table(
        tmp_path, ["60,70000", "61,900000", "62,"], '[units]\ndeath = "g"\n', "age,death"
    )

    found = open_cohort(file, parse(text))

    assert found.amount == pytest.approx([70.0])
    assert found.y.tolist() == [0]
