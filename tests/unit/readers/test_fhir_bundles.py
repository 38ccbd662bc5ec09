"""References within bundles, drugs that were dispensed, and what R5 calls otherwise."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from modelward.readers.events.fhir import load
from modelward.readers.record import open_record
from tests.unit.readers.test_fhir import DATASET, WANTED, events, observation

METFORMIN = {"coding": [{"system": "http://www.whocc.no/atc", "code": "A10BA02"}]}
DIABETES = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "E11.9"}]}
WHO, DRUG = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", "urn:uuid:m-7"
SUBJECT = {"reference": "Patient/a"}


def bundle(*entries: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """Return a bundle of (fullUrl, resource)."""
    listed = [{"fullUrl": url, "resource": resource} for url, resource in entries]
    return {"resourceType": "Bundle", "type": "collection", "entry": listed}


def read(folder: Path, *bundles: dict[str, Any]) -> tuple[Any, Any, tuple[str, ...]]:
    """Return (patients and sex), (patient and code of events), and the notes."""
    for number, each in enumerate(bundles):
        (folder / f"{number}.json").write_text(json.dumps(each))
    with open_record() as connection:
        notes = load(connection, folder, DATASET, WANTED)
        people = connection.execute("SELECT patient, sex FROM patients ORDER BY 1").fetchall()
        found = connection.execute("SELECT patient, code FROM events ORDER BY ALL").fetchall()
    return people, found, notes


def person(name: str, **more: object) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": name, "gender": "female",
            "birthDate": "1950-02-01", **more}  # fmt: skip


@pytest.mark.parametrize(
    "reference",
    [WHO, "Patient/4711", f"Patient/{WHO.removeprefix('urn:uuid:')}",
     "https://fhir.example.org/r4/Patient/4711", "Patient/4711/_history/2"],
)  # fmt: skip
def test_a_patient_is_found_by_address_and_by_id_where_they_differ(tmp_path, reference):
    """Before and behind the patient: an entry may refer to one that comes later."""
    seen = observation(subject={"reference": reference})
    made = bundle(("urn:uuid:o-1", seen), (WHO, person("4711")), ("urn:uuid:o-2", seen))

    people, found, notes = read(tmp_path, made)

    assert people == [("4711", "female")]
    assert found == [("4711", "LOINC:2160-0")] * 2
    assert notes == ()


def test_a_drug_of_a_bundle_is_found_by_its_address_too(tmp_path):
    drug = {"resourceType": "Medication", "id": "m-of-the-server", "code": METFORMIN}
    asked = {"resourceType": "MedicationRequest", "subject": {"reference": WHO}}
    made = bundle(
        (WHO, person("4711")),
        ("urn:uuid:r-1", {**asked, "medicationReference": {"reference": DRUG}}),
        ("urn:uuid:r-2", {**asked, "medication": {"reference": {"reference": DRUG}}}),
        (DRUG, drug),
    )

    _, found, notes = read(tmp_path, made)

    assert found == [("4711", "ATC:A10")] * 2
    assert notes == ()


def test_an_address_that_is_another_entrys_id_means_that_entry(tmp_path):
    """Patient/a is the id of one entry and the end of the address of another."""
    seen = observation(subject=SUBJECT)

    _, found, _ = read(
        tmp_path, bundle(("urn:uuid:x", person("a")), ("urn:uuid:a", person("b")), ("", seen))
    )

    assert found == [("a", "LOINC:2160-0")]


def test_addresses_of_one_bundle_say_nothing_of_another(tmp_path):
    seen = observation(subject={"reference": "urn:uuid:p"})

    people, found, _ = read(
        tmp_path,
        bundle(("urn:uuid:p", person("a")), ("", seen)),
        bundle(("urn:uuid:p", person("b")), ("", seen)),
    )

    assert people == [("a", "female"), ("b", "female")]
    assert found == [("a", "LOINC:2160-0"), ("b", "LOINC:2160-0")]


def test_an_entry_without_an_id_has_the_end_of_its_address(tmp_path):
    nameless = {"resourceType": "Patient", "gender": "male"}
    seen = observation(subject={"reference": "https://fhir.example.org/Patient/9"})

    people, found, _ = read(
        tmp_path, bundle(("https://fhir.example.org/Patient/9", nameless), ("", seen))
    )

    assert people == [("9", "male")]
    assert found == [("9", "LOINC:2160-0")]


def test_two_people_under_one_id_are_told(tmp_path):
    _, _, notes = read(
        tmp_path,
        bundle(("", person("1")), ("", person("2"))),
        bundle(("", person("1", birthDate="1971-01-01")), ("", person("2"))),
    )

    assert notes == (
        "1 ids of patients are there again with another sex or birth date; "
        "the last one counts.",
    )


@pytest.mark.parametrize(
    "named",
    [{"medicationCodeableConcept": METFORMIN}, {"medication": {"concept": METFORMIN}}],
    ids=["R4", "R5"],
)
@pytest.mark.parametrize(
    "kind", ["MedicationRequest", "MedicationDispense", "MedicationAdministration",
             "MedicationStatement"],
)  # fmt: skip
def test_every_resource_of_a_drug_is_read_in_both_releases(tmp_path, kind, named):
    found, notes = events(tmp_path, {"resourceType": kind, "subject": SUBJECT, **named})

    assert [row[:3] for row in found] == [("a", None, "ATC:A10")]
    assert notes == ()


def test_a_drug_counts_when_it_was_handed_over(tmp_path):
    given = {
        "resourceType": "MedicationDispense",
        "status": "completed",
        "subject": SUBJECT,
        "medicationReference": {"reference": "Medication/m"},
        "whenPrepared": "2024-02-01T09:00:00Z",
        "whenHandedOver": "2024-02-03T10:30:00+01:00",
    }
    kept = {**given, "status": "declined"}
    drug = {"resourceType": "Medication", "id": "m", "code": METFORMIN}

    found, notes = events(tmp_path, given, kept, drug)

    assert [row[:3] for row in found] == [("a", datetime(2024, 2, 3, 10, 30), "ATC:A10")]  # noqa: DTZ001
    assert notes == ("1 resources left out: entered in error, or did not happen.",)


@pytest.mark.parametrize(
    "said",
    [{"status": "not-taken"}, {"status": "intended"},
     {"status": "recorded", "adherence": {"code": {"coding": [{"code": "not-taking"}]}}}],
    ids=["R4", "R4, later", "R5"],
)  # fmt: skip
def test_what_a_patient_does_not_take_is_left_out(tmp_path, said):
    told = {"resourceType": "MedicationStatement", "subject": SUBJECT,
            "medicationCodeableConcept": METFORMIN, **said}  # fmt: skip

    found, notes = events(tmp_path, told)

    assert found == []
    assert len(notes) == 1


def test_a_stay_of_release_five_tells_its_diagnosis_and_a_planned_one_nothing(tmp_path):
    stay = {
        "resourceType": "Encounter",
        "status": "completed",
        "subject": SUBJECT,
        "actualPeriod": {"start": "2024-02-01"},
        "diagnosis": [
            {"condition": [{"concept": DIABETES}, {"reference": {"reference": "Condition/c"}}]}
        ],
    }

    found, _ = events(tmp_path, stay, {**stay, "status": "planned"})
    of_four, _ = events(
        tmp_path, {**stay, "diagnosis": [{"condition": {"reference": "Condition/c"}}]}
    )

    assert [row[:3] for row in found] == [("a", datetime(2024, 2, 1), "ICD-10:E11")]  # noqa: DTZ001
    assert of_four == []


def test_records_of_patients_who_are_not_in_the_export_are_told(tmp_path):
    seen = observation(subject={"reference": "Patient/gone"})

    _, found, notes = read(tmp_path, bundle(("", person("a")), ("", seen), ("", seen)))

    assert found == [("gone", "LOINC:2160-0")] * 2
    assert notes == ("1 patients have records and no Patient resource.",)
