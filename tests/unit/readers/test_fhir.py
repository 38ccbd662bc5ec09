"""FHIR resources become events: every coding, component and kind of time; errors are named."""

import gzip
import json
import tarfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from modelward.errors import DataError
from modelward.readers.dataset import Dataset, Source
from modelward.readers.events.fhir import load
from modelward.readers.events.wanted import Wanted
from modelward.readers.open import open_cohort
from modelward.readers.record import open_record
from modelward.study.read import parse
from tests.shared_data import shared

WANTED = Wanted(("LOINC:8480-6", "LOINC:2160-0", "LOINC:72166-2", "ICD-10:E11", "ATC:A10"))
DATASET = Dataset(dataset=Source(kind="fhir", path="export"))
LOINC = "http://loinc.org"


def observation(**more: object) -> dict[str, object]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "2160-0"}]},
        "subject": {"reference": "Patient/a"},
        "effectiveDateTime": "2024-03-01T10:00:00+02:00",
        **more,
    }


def events(
    tmp_path: Path, *resources: Mapping[str, object]
) -> tuple[list[tuple[Any, ...]], tuple[str, ...]]:
    """Load `resources` as NDJSON; return the events and the notes."""
    text = "".join(json.dumps(each) + "\n" for each in resources)
    (tmp_path / "all.ndjson").write_text(text)
    with open_record() as connection:
        notes = load(connection, tmp_path, DATASET, WANTED)
        return connection.execute("FROM events").fetchall(), notes


def test_a_quantity_is_a_number_in_its_ucum_code(tmp_path):
    quantity = {"value": 88.4, "unit": "micromoles", "code": "umol/L",
                "system": "http://unitsofmeasure.org"}  # fmt: skip

    found, notes = events(tmp_path, observation(valueQuantity=quantity))

    assert found == [("a", datetime(2024, 3, 1, 10), "LOINC:2160-0", 88.4, None, "umol/L")]  # noqa: DTZ001
    assert notes == ()


def test_components_count_under_their_own_codes(tmp_path):
    pressure = observation(
        code={"coding": [{"system": LOINC, "code": "85354-9"}]},
        component=[
            {"code": {"coding": [{"system": LOINC, "code": "8480-6"}]},
             "valueQuantity": {"value": 120, "unit": "mmHg"}},
            {"code": {"coding": [{"system": LOINC, "code": "8462-4"}]},
             "valueQuantity": {"value": 80, "unit": "mmHg"}},
        ],
    )  # fmt: skip

    found, _ = events(tmp_path, pressure)

    assert [(code, number, unit) for _, _, code, number, _, unit in found] == [
        ("LOINC:8480-6", 120.0, "mmHg")
    ]


def test_any_coding_of_a_concept_counts_and_codes_of_a_hierarchy_cover(tmp_path):
    condition = {
        "resourceType": "Condition",
        "code": {"coding": [
            {"system": "http://snomed.info/sct", "code": "44054006"},
            {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "E11.65"},
        ]},
        "subject": {"reference": "urn:uuid:b"},
        "onsetPeriod": {"start": "2020-05"},
    }  # fmt: skip
    drug = {
        "resourceType": "MedicationStatement",  # R5: a CodeableReference
        "medication": {"concept": {"coding": [
            {"system": "http://www.whocc.no/atc", "code": "A10BA02"}]}},
        "subject": {"reference": "https://fhir.example.org/Patient/c"},
    }  # fmt: skip

    found, _ = events(tmp_path, condition, drug)

    assert [row[:3] for row in found] == [
        ("b", datetime(2020, 5, 1), "ICD-10:E11"),  # noqa: DTZ001
        ("c", None, "ATC:A10"),
    ]


def test_what_release_five_calls_otherwise_is_found(tmp_path):
    subject = {"reference": "Patient/a/_history/3"}
    drug = {"coding": [{"system": "http://www.whocc.no/atc", "code": "A10BA02"}]}
    diabetes = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "E11.9"}]}
    given = {
        "resourceType": "MedicationAdministration",
        "medication": {"concept": drug},
        "subject": subject,
        "occurenceDateTime": "2024-02-03",
    }
    stay = {
        "resourceType": "Encounter",
        "reason": [{"value": [{"concept": diabetes}]}],
        "subject": subject,
        "actualPeriod": {"start": "2024-02-01T08:00:00Z"},
    }

    found, notes = events(tmp_path, given, stay)

    assert [row[:3] for row in found] == [
        ("a", datetime(2024, 2, 3), "ATC:A10"),  # noqa: DTZ001
        ("a", datetime(2024, 2, 1, 8), "ICD-10:E11"),  # noqa: DTZ001
    ]
    assert notes == ()


def test_what_is_not_to_be_given_was_not_given(tmp_path):
    drug = {"coding": [{"system": "http://www.whocc.no/atc", "code": "A10BA02"}]}
    asked = {"resourceType": "MedicationRequest", "medicationCodeableConcept": drug,
             "subject": {"reference": "Patient/a"}, "doNotPerform": True}  # fmt: skip

    assert events(tmp_path, asked)[0] == []


def test_a_patient_of_a_bundle_without_an_id_has_that_of_its_address(tmp_path):
    person = {"resourceType": "Patient", "gender": "female", "birthDate": "1950-02-01"}
    seen = observation(subject={"reference": "urn:uuid:p7"})
    entries = [{"fullUrl": "urn:uuid:p7", "resource": person}, {"resource": seen}]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    (tmp_path / "bundle.json").write_text(json.dumps(bundle))

    with open_record() as connection:
        load(connection, tmp_path, DATASET, WANTED)
        people = connection.execute("SELECT patient, sex FROM patients").fetchall()
        seen_of = connection.execute("SELECT patient FROM events").fetchall()

    assert people == [("p7", "female")]
    assert seen_of == [("p7",)]


def test_what_did_not_happen_is_left_out_and_counted(tmp_path):
    wrong = observation(status="entered-in-error")
    refuted = {
        "resourceType": "Condition",
        "verificationStatus": {"coding": [{"code": "refuted"}]},
    }
    orphan = observation(subject={})

    found, notes = events(tmp_path, wrong, refuted, orphan)

    assert found == []
    assert notes == (
        "2 resources left out: entered in error, or did not happen.",
        "1 resources left out: they refer to no patient.",
    )


def test_a_value_below_a_limit_is_no_number(tmp_path):
    limit = {"value": 0.2, "comparator": "<", "unit": "mg/dL"}

    found, _ = events(tmp_path, observation(valueQuantity=limit))

    assert found[0][3] is None


def test_a_file_that_was_cut_is_refused_with_its_line(tmp_path):
    whole = json.dumps(observation())
    (tmp_path / "cut.ndjson").write_text(whole + "\n" + whole[:40])

    with pytest.raises(DataError, match="line 2: is not JSON, or was cut off"):
        events(tmp_path, observation())
    (tmp_path / "cut.ndjson").unlink()
    (tmp_path / "cut.json.gz").write_bytes(gzip.compress(whole.encode())[:-20])
    with pytest.raises(DataError, match="was cut off"):
        events(tmp_path, observation())


def test_an_empty_folder_is_told(tmp_path):
    with open_record() as c, pytest.raises(DataError, match="ndjson file"):
        load(c, tmp_path, DATASET, WANTED)


SYNTHEA = """
[study]
id = "bmi"
purpose = "Tell who becomes prediabetic"
min_patients = 5

[features.sex]
type = "category"
levels = ["female", "male"]
code = ["Patient:sex"]

[features.bmi]
type = "number"
unit = "kg/m2"
range = [10, 80]
code = ["LOINC:39156-5"]
max_missing = 0.6

[features.systolic]
type = "number"
unit = "mm[Hg]"
range = [50, 260]
code = ["LOINC:8480-6"]
max_missing = 0.6

[features.smoker]
type = "category"
levels = ["never", "former", "current"]
code = ["LOINC:72166-2"]
max_missing = 0.6

[features.smoker.answers]
never = ["SNOMED:266919005"]
former = ["SNOMED:8517006"]
current = ["SNOMED:449868002"]

[target.prediabetes]
code = ["SNOMED:15777000"]

[recipe]
name = "logistic"
"""


@pytest.mark.slow
def test_eighty_eight_synthetic_patients_are_read_from_bundles(tmp_path):
    source = shared("fhir_synthea_r4")
    with tarfile.open(source / "bundles.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    (tmp_path / "dataset.toml").write_text('[dataset]\nkind = "fhir"\npath = "bundles"\n')

    cohort = open_cohort(tmp_path / "dataset.toml", parse(SYNTHEA))

    # Counted apart, by walking the bundles with the json module alone.
    bundles = [json.loads(p.read_text()) for p in sorted((tmp_path / "bundles").glob("*.json"))]
    resources = [entry["resource"] for bundle in bundles for entry in bundle["entry"]]
    women = sum(
        r.get("gender") == "female" for r in resources if r["resourceType"] == "Patient"
    )
    ill = {
        r["subject"]["reference"]
        for r in resources
        if r["resourceType"] == "Condition" and r["code"]["coding"][0]["code"] == "15777000"
    }
    assert len(cohort.y) == 88
    assert cohort.y.sum() == len(ill)
    assert (cohort.x[:, 1] == 0).sum() == women


def test_a_drug_may_be_referred_to_in_an_earlier_or_later_file_or_contained(tmp_path):
    drug = {"coding": [{"system": "http://www.whocc.no/atc", "code": "A10BA02"}]}
    subject = {"reference": "Patient/a"}
    asked = {
        "resourceType": "MedicationRequest",
        "subject": subject,
        "authoredOn": "2024-01-05",
    }

    found, notes = events(
        tmp_path,
        {**asked, "medicationReference": {"reference": "Medication/m1"}},
        {"resourceType": "Medication", "id": "m1", "code": drug},
        {**asked, "medication": {"reference": {"reference": "Medication/m1"}}},
        {**asked, "medicationReference": {"reference": "#c"},
         "contained": [{"resourceType": "Medication", "id": "c", "code": drug}]},
        {**asked, "medicationReference": {"reference": "Medication/gone"}},
    )  # fmt: skip

    assert [row[2] for row in found] == ["ATC:A10"] * 3
    assert notes == ("1 resources left out: their medication is not in the export.",)
