"""FHIR R4 and R5: Bulk-Export NDJSON or bundles, in a folder, to events and patients.

Reads Observation (with components), Condition, Procedure, MedicationRequest,
MedicationDispense, MedicationAdministration, MedicationStatement, Immunization,
AllergyIntolerance, Encounter, and Patient and Medication, to which others refer; the rest is
passed over, unless a view of the site looks at it (fhir_view.py). Every coding of a resource
counts. Names, addresses and narrative are never looked at. Records entered in error, or said
not to be so, are left out.

A file is NDJSON (`.ndjson`, one resource a line) or JSON (`.json`, a Bundle or a resource),
either may be gzipped. References to a patient are `Patient/ID`, with or without a version, an
absolute address ending so, or a URN; within a bundle they may be to the `fullUrl` of an entry
(fhir_files.py). A resource that refers to no patient is counted and told.

FHIR is at hl7.org/fhir: R4 4.0.1, R5 5.0.0; effective and onset times as in section 2.1.28.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb

from modelward.readers.dataset import Dataset
from modelward.readers.dataset import Events as EventColumns
from modelward.readers.events.fhir_files import files, resources
from modelward.readers.events.fhir_parts import (
    VOID,
    Resource,
    birth_of,
    codings,
    drug_of,
    moment_of,
    patient_of,
    status_of,
    time_of,
    value_of,
)
from modelward.readers.events.fhir_view import View, read_view
from modelward.readers.events.wanted import Wanted
from modelward.readers.record import (
    PATH,
    Event,
    Person,
    add_events,
    add_patients,
    sex_of,
    unreadable,
)
from modelward.readers.tables.text_columns import require

CODED: dict[str, tuple[str, ...]] = {
    "Observation": ("code",),
    "Condition": ("code",),
    "Procedure": ("code",),
    "MedicationRequest": ("medicationCodeableConcept", "medication"),
    "MedicationDispense": ("medicationCodeableConcept", "medication"),
    "MedicationAdministration": ("medicationCodeableConcept", "medication"),
    "MedicationStatement": ("medicationCodeableConcept", "medication"),
    "Immunization": ("vaccineCode",),
    "AllergyIntolerance": ("code",),
    "Encounter": ("type", "reasonCode", "reason", "diagnosis"),
}
"""Resource -> where its codes are; R4 and R5 names."""

DRUGS = frozenset(kind for kind in CODED if kind.startswith("Medication"))
"""Resources that may only refer to a Medication."""


def load(
    connection: duckdb.DuckDBPyConnection, path: Path, dataset: Dataset, wanted: Wanted
) -> tuple[str, ...]:
    """Add what a study wants of the FHIR files under `path`; return notes with counts.

    Raises:
        DataError: If there is no file, or one cannot be read.
    """
    found = files(path)
    if not found:
        raise unreadable(str(path), "there is no .json or .ndjson file", PATH)
    reader = _Reader(wanted, dataset.values.get("sex", {}), _seen_by(dataset))
    events = (event for file in found for event in reader.events(file))
    add_events(connection, chain(events, reader.late()))
    add_patients(connection, reader.people.values())
    unknown = "SELECT count(DISTINCT patient) FROM events ANTI JOIN patients USING (patient)"
    ((strangers,),) = connection.execute(unknown).fetchall()
    told = (f"{strangers} patients have records and no Patient resource.",) * bool(
        strangers and reader.people
    )
    return (*reader.notes(), *told)


class _Reader:
    """One pass over the files; people are kept aside, as they are few."""

    def __init__(
        self, wanted: Wanted, sexes: Mapping[str, str], seen: "_Seen | None" = None
    ) -> None:
        self.people: dict[str, Person] = {}
        self._seen = seen
        self._drugs: dict[str, tuple[str, ...]] = {}
        self._waiting: list[tuple[str, datetime | None, str]] = []
        self._wanted = wanted
        self._sexes = dict(sexes)
        self._left_out: Counter[str] = Counter()
        self._changed: set[str] = set()

    def events(self, file: Path) -> Iterator[Event]:
        for resource in resources(file):
            kind = resource.get("resourceType")
            if kind == "Patient":
                self._person(resource)
            if kind == "Medication":
                self._drug(resource)
            if self._seen is not None and kind == self._seen.view.resource:
                yield from self._seen.events(resource, self._wanted)
            elif kind in CODED:
                yield from self._of(kind, resource)

    def late(self) -> Iterator[Event]:
        """Yield what waited for a Medication that came in a later file."""
        for patient, time, drug in self._waiting:
            if drug not in self._drugs:
                self._left_out["their medication is not in the export"] += 1
            for code in self._drugs.get(drug, ()):
                yield Event(patient, time, code)

    def notes(self) -> tuple[str, ...]:
        said = [f"{n} resources left out: {why}." for why, n in sorted(self._left_out.items())]
        if self._changed:
            n, last = len(self._changed), "sex or birth date; the last one counts"
            said.append(f"{n} ids of patients are there again with another {last}.")
        return tuple(said)

    def _person(self, resource: Resource) -> None:
        death = moment_of(resource.get("deceasedDateTime"))
        name = str(resource.get("id", ""))
        person = Person(
            name,
            sex_of(resource.get("gender"), self._sexes),
            birth_of(resource.get("birthDate")),
            death.date() if death else None,
        )
        before = self.people.get(name, person)
        if (before.sex, before.birth) != (person.sex, person.birth):
            self._changed.add(name)
        self.people[name] = person

    def _of(self, kind: str, resource: Resource) -> Iterator[Event]:
        if status_of(resource) & VOID:
            self._left_out["entered in error, or did not happen"] += 1
            return
        parts = [resource, *resource.get("component", ())]
        found = [(part, self._codes(kind, part)) for part in parts]
        drug = drug_of(resource) if kind in DRUGS else None
        if drug is not None and drug.startswith("#"):
            found = [(resource, self._contained(resource, drug[1:]))]
            drug = None
        if drug is None and not any(codes for _, codes in found):
            return
        patient = patient_of(resource)
        if patient is None:
            self._left_out["they refer to no patient"] += 1
            return
        time = time_of(resource)
        if drug is not None:
            self._waiting.append((patient, time, drug))
        for part, codes in found:
            number, text, unit = value_of(part)
            for code in codes:
                yield Event(patient, time, code, number, text, unit)

    def _drug(self, resource: Resource) -> None:
        codes = self._wanted.matches(codings(resource.get("code")))
        self._drugs[str(resource.get("id", ""))] = codes

    def _contained(self, resource: Resource, name: str) -> tuple[str, ...]:
        inside = (each for each in resource.get("contained", ()) if each.get("id") == name)
        return self._wanted.matches(c for each in inside for c in codings(each.get("code")))

    def _codes(self, kind: str, part: Resource) -> tuple[str, ...]:
        return self._wanted.matches(
            coding for key in CODED[kind] for coding in codings(part.get(key))
        )


@dataclass(frozen=True, slots=True)
class _Seen:
    """A view of the site, and which of its columns are what."""

    view: View
    patient: str
    columns: EventColumns

    def events(self, resource: Resource, wanted: Wanted) -> Iterator[Event]:
        prefix = f"{self.columns.system}:" if self.columns.system else ""
        for row in self.view.of(resource):
            who, code = row.get(self.patient), row.get(self.columns.code)
            if who is None or code is None:
                continue
            value = row.get(self.columns.value or "")
            number, text = _written(value)
            unit = row.get(self.columns.unit or "")
            for meant in wanted.matches([str(code), f"{prefix}{code}"]):
                yield Event(
                    patient=str(who).removeprefix("Patient/"),
                    time=moment_of(row.get(self.columns.time)),
                    code=meant,
                    number=number,
                    text=text,
                    unit=None if unit is None else str(unit),
                )


def _written(value: Any) -> tuple[float | None, str | None]:  # noqa: ANN401 - parsed JSON
    """Return (number, text) of a value in a column of a view."""
    if isinstance(value, bool):
        return None, str(value).lower()
    if isinstance(value, int | float):
        return float(value), None
    return None, None if value is None else str(value)


def _seen_by(dataset: Dataset) -> "_Seen | None":
    """Return the site's own view, if dataset.toml names one.

    Raises:
        DataError: If it cannot be read, or lacks a column that `[events]` names.
    """
    source, events = dataset.dataset, dataset.events
    if source.view is None or events is None:
        return None
    path = Path(source.view)
    view = read_view(path)
    asked = (source.patient or "", events.code, events.time, events.value, events.unit)
    require(path, [each for each in asked if each], view.columns)
    return _Seen(view, source.patient or "", events)
