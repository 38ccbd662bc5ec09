"""Parts of FHIR resources: codings, values, times, references and statuses.

Each function looks at one resource, or one element of it, as parsed JSON. What is made of a
resource is fhir.py's; types are those of hl7.org/fhir, R4 4.0.1 and R5 5.0.0.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from modelward.readers.events.wanted import FHIR_SYSTEMS

Resource = Mapping[str, Any]

TIMES = (
    "effectiveDateTime", "effectivePeriod", "effectiveInstant", "onsetDateTime", "onsetPeriod",
    "performedDateTime", "performedPeriod", "occurrenceDateTime", "occurrencePeriod",
    "occurenceDateTime", "occurencePeriod", "whenHandedOver", "whenPrepared", "authoredOn",
    "actualPeriod", "period", "recordedDate", "recorded", "dateAsserted", "issued",
)  # fmt: skip
"""Where a resource says when, best first; R5 spells that of a MedicationAdministration so."""

VOID = frozenset({
    "entered-in-error", "cancelled", "not-done", "refuted", "unknown-status", "planned",
    "intended", "declined", "not-taken", "not-taking",
})  # fmt: skip
"""Statuses of what did not happen: a visit that was planned, a drug that nobody took."""


def codings(concept: Any) -> Iterator[str]:  # noqa: ANN401 - parsed JSON
    """Yield the codings of a CodeableConcept, a CodeableReference or a list of them."""
    if isinstance(concept, list):
        for each in concept:
            yield from codings(each)
        return
    if not isinstance(concept, dict):
        return
    nested = [concept.get(key) for key in ("value", "condition")]  # of an Encounter in R5
    for each in (part for part in nested if isinstance(part, list)):
        yield from codings(each)
    inner = concept.get("concept", concept)
    for coding in inner.get("coding", ()):
        if "code" in coding:
            yield _coding(coding)
    if "text" in inner:
        yield str(inner["text"])


def _coding(coding: Resource) -> str:
    system = FHIR_SYSTEMS.get(coding.get("system", ""))
    return f"{system}:{coding['code']}" if system else str(coding["code"])


def drug_of(resource: Resource) -> str | None:
    """Return the id of the Medication that is referred to, or # and that of a contained one."""
    given = resource.get("medicationReference") or resource.get("medication") or {}
    reference = given.get("reference") if isinstance(given, dict) else None
    if isinstance(reference, dict):  # R5: a CodeableReference
        reference = reference.get("reference")
    if not isinstance(reference, str):
        return None
    return reference if reference.startswith("#") else end_of(reference)


def end_of(reference: str) -> str:
    """Return the id that a reference or an address ends with: of Type/ID, an URL or a URN."""
    return re.split("[/:]", reference.partition("/_history/")[0])[-1]


def value_of(part: Resource) -> tuple[float | None, str | None, str | None]:
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
        coded = list(codings(part["valueCodeableConcept"]))
        return None, coded[0] if coded else None, None
    text = part.get("valueString")
    return None, text if isinstance(text, str) else None, None


def _is_ucum(quantity: Resource) -> bool:
    return "code" in quantity and quantity.get("system") == "http://unitsofmeasure.org"


def patient_of(resource: Resource) -> str | None:
    """Return the id of the patient that a resource refers to; None if it refers to none."""
    reference = (resource.get("subject") or resource.get("patient") or {}).get("reference")
    if not isinstance(reference, str):
        return None
    if reference.startswith("urn:"):
        return end_of(reference)
    kind, _, name = reference.partition("/_history/")[0].rpartition("/")
    return name if kind.endswith("Patient") and name else None


def time_of(resource: Resource) -> datetime | None:
    """Return when what a resource tells took effect, from the best of its times."""
    for key in TIMES:
        found = resource.get(key)
        if isinstance(found, dict):
            found = found.get("start")
        if found:
            return moment_of(found)
    return None


def moment_of(text: Any) -> datetime | None:  # noqa: ANN401 - parsed JSON
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


def birth_of(text: Any) -> date | None:  # noqa: ANN401 - parsed JSON
    """Return a birth date; the middle of the year or month where no more is known."""
    if not isinstance(text, str):
        return None
    middle = {len("2020"): "-07-01", len("2020-01"): "-15"}.get(len(text), "")
    try:
        return date.fromisoformat(text + middle)
    except ValueError:
        return None


def status_of(resource: Resource) -> set[str]:
    """Return what the resource says of itself, in every field that may void it."""
    said = {str(resource.get("status"))}
    if resource.get("doNotPerform") is True:
        said.add("not-done")
    adherence = (resource.get("adherence") or {}).get("code")  # R5: of a MedicationStatement
    for concept in (resource.get("verificationStatus"), adherence):
        for coding in (concept or {}).get("coding", ()):
            said.add(str(coding.get("code")))
    return said
