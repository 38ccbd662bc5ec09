"""Events become padded sequences, the same from every store, or a fault that says why not."""

import re
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pytest

from modelward.core import toml_text
from modelward.core.sequences import unpacked
from modelward.core.study import Study
from modelward.errors import DataError
from modelward.readers.arrays import read_arrays
from modelward.readers.checking.readiness import check
from modelward.readers.cohort import Cohort
from modelward.readers.events.sequences import shown
from modelward.readers.open import open_cohort
from tests.kinds import CREATININE, INFARCT, KINDS, VISIT, Patient, Record, patients, write_site
from tests.sequences import ITEMS, STEPS, STUDY, by_hand, study

pytestmark = pytest.mark.slow

EVENTS = [kind for kind in KINDS if kind != "wide"]
DAY = datetime.combine(date(2024, 5, 1), time(8))
TODAY = date(2026, 1, 1)


def person(*events: Record, name: str = "1") -> Patient:
    return Patient(name, "female", date(1960, 1, 1), (Record(INFARCT, DAY), *events))


def before(days: int, code: str = VISIT, value: float | None = None, hours: int = 0) -> Record:
    return Record(code, DAY - timedelta(days=days, hours=hours), value)


def course(folder: Path, *people: Patient, kind: str = "rows") -> Cohort:
    few = study().model_copy(update={"study": study().study.model_copy(
        update={"min_patients": 1})})  # fmt: skip
    return open_cohort(write_site(folder / kind, kind, people), few)


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory):
    folder, people = tmp_path_factory.mktemp("sequences"), patients(200)
    return {kind: open_cohort(write_site(folder / kind, kind, people), study())
            for kind in EVENTS}  # fmt: skip


@pytest.mark.parametrize("kind", EVENTS)
def test_every_store_of_events_gives_the_tensor_that_was_worked_out_by_hand(cohorts, kind):
    found, expected = cohorts[kind], by_hand(patients(200))

    assert found.x.dtype == np.float32
    assert found.x.shape == (len(found.ids), STEPS, 3)
    assert len(found.ids) > 100
    for who, row in zip(found.ids, found.x, strict=True):
        np.testing.assert_array_equal(row, expected[who], err_msg=who)
    assert found.x.tobytes() == cohorts["fhir"].x.tobytes()


def test_steps_run_from_old_to_new_with_days_before_the_index_and_padding_last(tmp_path):
    found = course(tmp_path, person(before(3), before(30, CREATININE, 1.5), before(0)))
    seen = unpacked(found.x)

    assert seen.codes.tolist() == [[1, 4, 4, 0, 0]]
    assert seen.times.tolist() == [[30, 3, 0, 0, 0]]
    assert seen.values.tolist() == [[1.5, 0, 0, 0, 0]]
    assert seen.mask.tolist() == [[True, True, True, False, False]]


def test_the_latest_events_are_kept_where_there_are_too_many(tmp_path):
    found = course(tmp_path, person(*(before(day) for day in range(1, 9))))

    assert unpacked(found.x).times.tolist() == [[5, 4, 3, 2, 1]]


def test_the_same_event_twice_on_one_day_is_one_whatever_the_hour(tmp_path):
    twice = person(before(3), before(3, hours=2), before(4, CREATININE, 1.5, hours=1),
                   before(4, CREATININE, 1.7, hours=5))  # fmt: skip
    seen = unpacked(course(tmp_path, twice).x)

    assert seen.codes.tolist() == [[1, 1, 4, 0, 0]]
    np.testing.assert_allclose(seen.values[0, :2], [1.5, 1.7], rtol=1e-6)


def test_what_is_implausible_or_outside_the_window_is_no_step(tmp_path):
    found = course(tmp_path, person(before(401), before(2, CREATININE, 21.0), before(-1),
                                    before(5)))  # fmt: skip

    assert unpacked(found.x).times.tolist() == [[5, 0, 0, 0, 0]]


def test_who_has_no_event_is_an_empty_sequence_and_too_many_of_them_are_a_fault(tmp_path):
    people = [person(before(1), name="1"), person(before(2), name="2"),
              person(before(2), name="3"), person(name="4")]  # fmt: skip
    found = course(tmp_path / "few", *people)
    assert not unpacked(found.x).mask[3].any()

    with pytest.raises(DataError, match="course: 50% have no event in the window"):
        course(tmp_path / "many", people[0], people[3])


def test_an_item_that_nobody_has_is_a_warning_that_names_the_code(tmp_path):
    people = [replace(p, records=tuple(r for r in p.records if r.code != VISIT))
              for p in patients(80)]  # fmt: skip
    found = check(write_site(tmp_path / "s", "rows", people), study(), TODAY)

    told = next(f for f in found.findings if f.key == "course.visit")
    assert told.level == "warning"
    assert "SNOMED:185349003" in told.remedy
    assert not found.ready
    accepted = check(tmp_path / "s" / "dataset.toml", study(), TODAY, ["course.visit"])
    assert accepted.ready


def test_a_unit_that_is_not_known_is_an_error_under_the_item_s_name(tmp_path):
    dataset = write_site(tmp_path / "s", "rows", patients(60))
    events = tmp_path / "s" / "evenements.tsv.csv"
    events.write_text(events.read_text().replace("µmol/L", "parsec"))

    told = next(f for f in check(dataset, study(), TODAY).findings if f.key == "creatinine")

    assert told.level == "error"
    assert "parsec" in told.says


def test_a_table_of_patients_holds_no_sequence_and_says_so(tmp_path):
    with pytest.raises(DataError, match="course: is a sequence") as refused:
        open_cohort(write_site(tmp_path / "s", "wide", patients(30)), study())

    assert "[events]" in str(refused.value)


def test_a_sequence_comes_from_any_of_two_sources_of_one_patient(tmp_path):
    people = patients(60)
    rows, wide = tmp_path / "rows", tmp_path / "wide"
    write_site(rows, "rows", people)
    nested = "".join(
        f"[sources.lab.{line[1:]}\n" if line.startswith("[") else line + "\n"
        for line in (rows / "dataset.toml").read_text().replace(
            'path = "', f'path = "{rows}/').splitlines()
    )  # fmt: skip
    dataset = write_site(wide, "wide", people)
    dataset.write_text(dataset.read_text() + nested)

    found, expected = open_cohort(dataset, study()), by_hand(people)

    assert len(found.ids) > 30
    for who, row in zip(found.ids, found.x, strict=True):
        np.testing.assert_array_equal(row, expected[who], err_msg=who)


def test_an_archive_of_sequences_is_read_as_it_is(tmp_path):
    codes = np.array([[1, 2, 0, 0, 0], [3, 0, 0, 0, 0]])
    np.savez(tmp_path / "d.npz", codes=codes, times=codes * 2.0, values=codes * 1.0,
             labels=np.array([0, 1]), folds=np.array([0, 2]))  # fmt: skip

    found = read_arrays(tmp_path / "d.npz", study())

    assert unpacked(found.x).codes.tolist() == codes.tolist()
    assert unpacked(found.x).times[0].tolist() == [2, 4, 0, 0, 0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"codes": np.array([[1, 0, 2, 0, 0]])}, "are padded before an event"),
        ({"codes": np.array([[1, 2, 9, 0, 0]])}, "reach 9, the study has 4 items"),
        ({"codes": np.array([[1.5, 0, 0, 0, 0]])}, "must be whole numbers"),
        ({"times": np.array([[-7.0, 0, 0, 0, 0]])}, "some leave the window"),
        ({"values": np.array([[np.nan, 0, 0, 0, 0]])}, "must be finite"),
        ({"values": np.zeros((1, 4))}, r"\[1, 4\], not \[n, 5\]"),
        ({"codes": np.zeros((1, 5), int)}, "100% have no event in the window"),
    ],
)
def test_an_archive_of_another_form_is_refused(tmp_path, change, says):
    whole = {"codes": np.array([[1, 2, 0, 0, 0]]), "times": np.zeros((1, 5)),
             "values": np.ones((1, 5)), "labels": np.array([1]), **change}  # fmt: skip
    np.savez(tmp_path / "d.npz", **whole)

    with pytest.raises(DataError, match=says):
        read_arrays(tmp_path / "d.npz", study())


def test_a_preview_shows_events_in_the_study_s_units(tmp_path):
    found = course(tmp_path, person(before(30, CREATININE, 1.5), before(3)))

    asked = study().sequence
    assert asked is not None
    assert shown(found.x[0], asked[1]) == [
        "      30 days before  creatinine  1.5 mg/dL",
        "       3 days before  visit",
    ]


def test_the_page_on_sequences_shows_what_the_reader_makes(tmp_path):
    page = (Path(__file__).parents[3] / "docs" / "formats" / "sequences.md").read_text("utf-8")
    shown_there = re.search(r"```toml\n(.*?)```", page, re.S)
    assert shown_there is not None
    there = STUDY.replace(ITEMS, "\n" + shown_there[1])
    terms = Study.model_validate_json(
        toml_text.to_json(there.replace("min_patients = 10", "min_patients = 1").encode()),
        strict=True,
    )
    events = person(before(30, CREATININE, 1.5), before(3), before(0))
    seen = unpacked(open_cohort(write_site(tmp_path / "s", "fhir", [events]), terms).x)

    for name, values in (("codes", seen.codes), ("times", seen.times), ("values", seen.values),
                         ("mask", seen.mask)):  # fmt: skip
        line = re.search(rf"^{name} (.*?) (?:int64|float32|bool)", page, re.M)
        assert line is not None
        assert line[1].split() == [str(v).lower() if v.dtype == bool else f"{v:g}"
                                   for v in values[0]]  # fmt: skip
