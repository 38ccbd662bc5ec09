"""FHIR R4 and R5: Bulk-Export NDJSON or bundles, in a folder, to events and patients.

Reads Observation (with components), Condition, Procedure, MedicationRequest,
MedicationAdministration, MedicationStatement, Immunization, AllergyIntolerance, Encounter
Patient and Medication, to which others refer; the rest is passed over, unless a view of
the site looks at it (fhir_view.py). Every coding of a resource counts. Names, addresses and
narrative are never looked at. Records entered in error, or said not to be so, are left out.

A file is NDJSON (`.ndjson`, one resource a line) or JSON (`.json`, a Bundle or a resource),
either may be gzipped. References to a patient are `Patient/ID`, an absolute address ending
so, or `urn:uuid:ID`; a resource that refers to no patient is counted and told.

FHIR is at hl7.org/fhir: R4 4.0.1, R5 5.0.0; effective and onset times as in section 2.1.28.
"""

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb

from modelward.readers.dataset import Dataset
from modelward.readers.dataset import Events as EventColumns
from modelward.readers.fhir_view import View, read_view
from modelward.readers.record import (
    Event,
    Person,
    add_events,
    add_patients,
    sex_of,
    unreadable,
)
from modelward.readers.text_columns import require
from modelward.readers.wanted import FHIR_SYSTEMS, Wanted

Resource = Mapping[str, Any]

CODED: dict[str, tuple[str, ...]] = {
    "Observation": ("code",),
    "Condition": ("code",),
    "Procedure": ("code",),
    "MedicationRequest": ("medicationCodeableConcept", "medication"),
    "MedicationAdministration": ("medicationCodeableConcept", "medication"),
    "MedicationStatement": ("medicationCodeableConcept", "medication"),
    "Immunization": ("vaccineCode",),
    "AllergyIntolerance": ("code",),
    "Encounter": ("type", "reasonCode"),
}
"""Resource -> where its codes are; R4 and R5 names."""

DRUGS = frozenset({"MedicationRequest", "MedicationAdministration", "MedicationStatement"})
"""Resources that may only refer to a Medication."""

TIMES = (
    "effectiveDateTime", "effectivePeriod", "effectiveInstant", "onsetDateTime", "onsetPeriod",
    "performedDateTime", "performedPeriod", "occurrenceDateTime", "occurrencePeriod",
    "authoredOn", "period", "recordedDate", "dateAsserted", "issued",
)  # fmt: skip
"""Where a resource says when, best first."""

VOID = frozenset({"entered-in-error", "cancelled", "not-done", "refuted", "unknown-status"})
"""Statuses of what did not happen."""


def load(
    connection: duckdb.DuckDBPyConnection, path: Path, dataset: Dataset, wanted: Wanted
) -> tuple[str, ...]:
    """Add what a study wants of the FHIR files under `path`; return notes with counts.

    Raises:
        DataError: If there is no file, or one cannot be read.
    """
    files = _files(path)
    if not files:
        raise unreadable(str(path), "there is no .json or .ndjson file")
    reader = _Reader(wanted, dataset.values.get("sex", {}), _seen_by(dataset))
    events = (event for file in files for event in reader.events(file))
    add_events(connection, chain(events, reader.late()))
    add_patients(connection, reader.people.values())
    return reader.notes()


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

    def events(self, file: Path) -> Iterator[Event]:
        for resource in _resources(file):
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
        return tuple(
            f"{n} resources left out: {why}." for why, n in sorted(self._left_out.items())
        )

    def _person(self, resource: Resource) -> None:
        death = _moment(resource.get("deceasedDateTime"))
        name = str(resource.get("id", ""))
        self.people[name] = Person(
            name,
            sex_of(resource.get("gender"), self._sexes),
            _birth(resource.get("birthDate")),
            death.date() if death else None,
        )

    def _of(self, kind: str, resource: Resource) -> Iterator[Event]:
        if _status(resource) & VOID:
            self._left_out["entered in error, or did not happen"] += 1
            return
        parts = [resource, *resource.get("component", ())]
        found = [(part, self._codes(kind, part)) for part in parts]
        drug = _drug_of(resource) if kind in DRUGS else None
        if drug is not None and drug.startswith("#"):
            found = [(resource, self._contained(resource, drug[1:]))]
            drug = None
        if drug is None and not any(codes for _, codes in found):
            return
        patient = _patient(resource)
        if patient is None:
            self._left_out["they refer to no patient"] += 1
            return
        time = _time(resource)
        if drug is not None:
            self._waiting.append((patient, time, drug))
        for part, codes in found:
            number, text, unit = _value(part)
            for code in codes:
                yield Event(patient, time, code, number, text, unit)

    def _drug(self, resource: Resource) -> None:
        codes = self._wanted.matches(_codings(resource.get("code")))
        self._drugs[str(resource.get("id", ""))] = codes

    def _contained(self, resource: Resource, name: str) -> tuple[str, ...]:
        inside = (each for each in resource.get("contained", ()) if each.get("id") == name)
        return self._wanted.matches(c for each in inside for c in _codings(each.get("code")))

    def _codes(self, kind: str, part: Resource) -> tuple[str, ...]:
        return self._wanted.matches(
            coding for key in CODED[kind] for coding in _codings(part.get(key))
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
                    time=_moment(row.get(self.columns.time)),
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


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    endings = (".ndjson", ".json", ".ndjson.gz", ".json.gz")
    return sorted(file for file in path.rglob("*") if file.name.endswith(endings))


def _resources(file: Path) -> Iterator[Resource]:
    """Yield the resources of one file, those of a bundle one by one."""
    opened = gzip.open if file.suffix == ".gz" else open
    number = 0
    try:
        with opened(file, "rt", encoding="utf-8") as stream:
            if ".ndjson" in file.name:
                for line in stream:
                    number += 1
                    if line.strip():
                        yield json.loads(line)
                return
            whole = json.load(stream)
    except (OSError, EOFError, UnicodeDecodeError, ValueError) as error:
        where = f"{file}, line {number}" if number else str(file)
        raise unreadable(where, f"is not JSON, or was cut off: {error}") from error
    yield from _unbundled(whole)


def _unbundled(whole: Any) -> Iterator[Resource]:  # noqa: ANN401 - parsed JSON
    if isinstance(whole, dict) and whole.get("resourceType") == "Bundle":
        for entry in whole.get("entry", ()):
            resource = entry.get("resource")
            if isinstance(resource, dict):
                yield resource
    elif isinstance(whole, dict):
        yield whole


def _codings(concept: Any) -> Iterator[str]:  # noqa: ANN401 - parsed JSON
    """Yield the codings of a CodeableConcept, a CodeableReference or a list of them."""
    if isinstance(concept, list):
        for each in concept:
            yield from _codings(each)
        return
    if not isinstance(concept, dict):
        return
    for coding in concept.get("concept", concept).get("coding", ()):
        if "code" in coding:
            yield _coding(coding)
    if "text" in concept:
        yield str(concept["text"])


def _coding(coding: Resource) -> str:
    system = FHIR_SYSTEMS.get(coding.get("system", ""))
    return f"{system}:{coding['code']}" if system else str(coding["code"])


def _drug_of(resource: Resource) -> str | None:
    """Return the id of the Medication that is referred to, or # and that of a contained one."""
    given = resource.get("medicationReference") or resource.get("medication") or {}
    reference = given.get("reference") if isinstance(given, dict) else None
    if isinstance(reference, dict):  # R5: a CodeableReference
        reference = reference.get("reference")
    if not isinstance(reference, str):
        return None
    return reference if reference.startswith("#") else reference.rpartition("/")[2]


def _value(part: Resource) -> tuple[float | None, str | None, str | None]:
    """Return (number, text, unit) of an Observation or one of its components."""
    quantity = part.get("valueQuantity")
    if isinstance(quantity, dict) and "value" in quantity and "comparator" not in quantity:
        unit = quantity.get("code") if _is_ucum(quantity) else quantity.get("unit")
        return float(quantity["value"]), None, unit
    if "valueInteger" in part:
        return float(part["valueInteger"]), None, "1"
    if "valueBoolean" in part:
        return None, str(part["valueBoolean"]).lower(), None
    if "valueCodeableConcept" in part:
        coded = list(_codings(part["valueCodeableConcept"]))
        return None, coded[0] if coded else None, None
    text = part.get("valueString")
    return None, text if isinstance(text, str) else None, None


def _is_ucum(quantity: Resource) -> bool:
    return "code" in quantity and quantity.get("system") == "http://unitsofmeasure.org"


def _patient(resource: Resource) -> str | None:
    reference = (resource.get("subject") or resource.get("patient") or {}).get("reference")
    if not isinstance(reference, str):
        return None
    if reference.startswith("urn:uuid:"):
        return reference.removeprefix("urn:uuid:")
    kind, _, name = reference.rpartition("/")
    return name if kind.endswith("Patient") and name else None


def _time(resource: Resource) -> datetime | None:
    for key in TIMES:
        found = resource.get(key)
        if isinstance(found, dict):
            found = found.get("start")
        if found:
            return _moment(found)
    return None


def _moment(text: Any) -> datetime | None:  # noqa: ANN401 - parsed JSON
    """Return a FHIR dateTime as wall-clock time; a year or month alone is its first day."""
    if not isinstance(text, str):
        return None
    padded = (
        text + "-01-01"[: 3 * (2 - text.count("-"))] if len(text) < len("2020-01-01") else text
    )
    try:
        return datetime.fromisoformat(padded).replace(tzinfo=None)
    except ValueError:
        return None


def _birth(text: Any) -> date | None:  # noqa: ANN401 - parsed JSON
    """Return a birth date; the middle of the year or month where no more is known."""
    if not isinstance(text, str):
        return None
    middle = {len("2020"): "-07-01", len("2020-01"): "-15"}.get(len(text), "")
    try:
        return date.fromisoformat(text + middle)
    except ValueError:
        return None


def _status(resource: Resource) -> set[str]:
    """Return what the resource says of itself, in every field that may void it."""
    said = {str(resource.get("status"))}
    for key in ("verificationStatus",):
        for coding in (resource.get(key) or {}).get("coding", ()):
            said.add(str(coding.get("code")))
    return said
