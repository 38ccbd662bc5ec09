"""A first dataset.toml names what can be seen and leaves the rest open."""

import pytest

from modelward.errors import DataError
from modelward.readers.open import open_cohort
from modelward.readers.proposing.propose import kind_of, proposal
from modelward.study.read import parse
from tests import pictures
from tests.kinds import STUDY, patients, write_site
from tests.studies import HEADING, rows, table_study, write_csv


@pytest.mark.parametrize(
    ("site", "store", "kind"),
    [("wide", "daten.csv", "table"), ("fhir", "export", "fhir"), ("meds", "meds", "meds"),
     ("omop", "cdm", "omop")],
)  # fmt: skip
def test_the_kind_of_a_store_is_seen(tmp_path, site, store, kind):
    write_site(tmp_path / site, site, patients(5))

    assert kind_of(tmp_path / site / store) == kind
    text, absent = proposal(tmp_path / site / store, parse(STUDY))
    assert f'kind = "{kind}"' in text
    assert "age" not in absent or kind == "table"
    assert ("[columns]" in text) == (kind == "table")


def test_a_table_of_another_country_is_seen_as_one(tmp_path):
    write_site(tmp_path / "wide", "wide", patients(40))

    text, absent = proposal(tmp_path / "wide" / "daten.csv", parse(STUDY))

    assert 'patient = "PatNr"' in text
    assert 'decimal = ","' in text
    assert 'encoding = "latin-1"' in text or "ü" not in text
    assert '# creatinine = "?"' in text
    assert "creatinine" in absent


def test_a_proposal_that_lacks_nothing_can_be_used_as_it_is(tmp_path):
    heading = HEADING.replace("smoker", "Smoker").replace("age", "AGE")
    path = write_csv(tmp_path / "a b.csv", rows(60), heading)

    text, absent = proposal(path, table_study())
    (tmp_path / "dataset.toml").write_text(text)

    assert absent == []
    assert len(open_cohort(tmp_path / "dataset.toml", table_study()).y) == 60


def test_what_is_no_store_is_told(tmp_path):
    (tmp_path / "notes.docx").write_text("")

    with pytest.raises(DataError, match="no store that can be read"):
        proposal(tmp_path / "notes.docx", table_study())
    with pytest.raises(DataError, match="no folder of OMOP, FHIR, MEDS"):
        proposal(tmp_path, table_study())


@pytest.mark.slow
def test_a_folder_of_images_is_seen_with_the_store_that_is_joined_to_it(tmp_path):
    study, people = parse(pictures.STUDY), patients(30)
    pictures.write_site(tmp_path / "d", "dicom", "omop", people)
    pictures.write_site(tmp_path / "n", "nifti", "meds", people)

    for site, kind, store in (("d", "dicom", "cdm"), ("n", "nifti", "meds")):
        folder = tmp_path / site
        text, absent = proposal(folder / "images", study, [folder / "records" / store])
        assert kind_of(folder / "images") == kind
        assert absent == []
        (folder / "dataset.toml").write_text(text)
        assert len(open_cohort(folder / "dataset.toml", study).y) == 30 - 1
    text, absent = proposal(tmp_path / "d" / "images", study)
    assert "90 MR axial; asked for: MR axial" in text
    assert "Outcomes come from another source" in text
    assert absent == ["readmitted"]


def test_a_table_of_events_is_seen_with_its_codes_dates_and_persons(tmp_path):
    write_site(tmp_path / "rows", "rows", patients(40))
    folder = tmp_path / "rows"

    text, absent = proposal(
        folder / "evenements.tsv.csv", parse(STUDY), [folder / "patients.csv"]
    )

    assert {"creatinine", "cohort.index"} <= set(absent)
    assert "age" not in absent
    for line in (
        'dates = "%d/%m/%Y %H:%M"', 'code = "quoi"', 'time = "quand"', 'value = "combien"',
        'unit = "unite"', "[patients]", 'sex = "sexe"', 'birth = "naissance"',
        'patient = "nip"',
    ):  # fmt: skip
        assert line in text, line
    assert '# "Créatinine" = "?"' in text
    assert "SNOMED:22298006" in text  # the index event is asked for as well


def test_a_date_of_an_unknown_form_is_shown(tmp_path):
    (tmp_path / "e.csv").write_text("patient;code;date;value\n1;a;3rd of May;2\n")

    text, _ = proposal(tmp_path / "e.csv", parse(STUDY))

    assert '# dates = "?"   # the first one is written 3rd of May' in text


SURVIVAL = """
[study]
id = "survival"
purpose = "How long"
min_patients = 1
[features.age]
type = "number"
unit = "a"
range = [0, 120]
[target.death]
type = "time-to-event"
unit = "mo"
horizon = 1000
[recipe]
name = "cox"
[plan]
strategy = "sums"
"""


def test_a_time_is_asked_of_a_table_and_never_taken_for_its_outcome(tmp_path):
    (tmp_path / "t.csv").write_text("PatID,age,tot,death_time\n1,60,1,12\n")
    (tmp_path / "u.csv").write_text("PatID,age,death,Monate\n1,60,1,12\n")

    text, absent = proposal(tmp_path / "t.csv", parse(SURVIVAL))
    other, lacking = proposal(tmp_path / "u.csv", parse(SURVIVAL))

    assert absent == ["death"]
    assert '\n# death = "?"\ndeath_time = "death_time"\n' in text
    assert "# death_time is taken in mo; if this table has another unit: [units]" in text
    assert lacking == ["death_time"]
    assert '\ndeath = "death"\n# death_time = "?"\n' in other


def test_a_study_without_codes_is_told_that_a_store_is_searched_by_them(tmp_path):
    write_site(tmp_path / "fhir", "fhir", patients(5))

    text, absent = proposal(tmp_path / "fhir" / "export", table_study())

    assert "age" in absent
    assert "# age has no code in the study, and this store is searched by codes" in text
    assert "Every code of the study" not in text
