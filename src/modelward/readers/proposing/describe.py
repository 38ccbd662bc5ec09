"""A dataset as a catalogue would list it: a HealthDCAT-AP record in JSON-LD.

HealthDCAT-AP (healthdcat-ap.github.io, release 5 of 2025) extends DCAT-AP 3 for Article 77 of
Regulation (EU) 2025/327. The record says what a study's view of the data is like: how many
people and records, which codes and standards, which features. Counts are rounded down to
tens, and left out under twenty, because a catalogue is read by anybody. Nothing in it is a
value of a patient; who publishes it, under which category, is for the site to say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelward.core.features import CategoryFeature, ImageFeature, NumberFeature
from modelward.core.sequences import SequenceFeature
from modelward.core.study import Study
from modelward.readers.dataset import Dataset
from modelward.readers.events.wanted import feature_codes

CONTEXT: dict[str, Any] = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "dcatap": "http://data.europa.eu/r5r/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "healthdcatap": "http://healthdataportal.eu/ns/health#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}

NON_PUBLIC = "http://publications.europa.eu/resource/authority/access-right/NON_PUBLIC"
EHDS = "http://data.europa.eu/eli/reg/2025/327/oj"

SYSTEMS = {
    "LOINC": "https://www.wikidata.org/entity/P4338",
    "SNOMED": "https://www.wikidata.org/entity/P5806",
    "ICD-10": "https://www.wikidata.org/entity/P494",
    "ICD-9-CM": "https://www.wikidata.org/entity/P1692",
    "ATC": "https://www.wikidata.org/entity/P267",
    "RxNorm": "https://www.wikidata.org/entity/P3345",
}
"""Code system -> how HealthDCAT-AP names it."""

STANDARDS = {
    "omop": "https://ohdsi.github.io/CommonDataModel/cdm54.html",
    "fhir": "http://hl7.org/fhir",
    "meds": "https://github.com/Medical-Event-Data-Standard/meds",
    "dicom": "https://www.dicomstandard.org/current",
    "nifti": "https://nifti.nimh.nih.gov",
}
"""Kind of store -> the standard it conforms to; tables conform to none."""

ASKED = ("dct:publisher", "dcat:contactPoint", "healthdcatap:healthCategory", "dct:provenance")
"""What a record of data that are not public must have, and only the site can say."""

STEP, FEWEST = 10, 20
"""Counts are rounded down to multiples of STEP, and not told below FEWEST."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the data, as the site says.

    Attributes:
        title: Of the dataset.
        publisher: Name of the hospital; '' if it is not said.
        contact: Address for questions; '' if it is not said.
        category: Address of a health category (Article 51); '' if it is not said.
    """

    title: str
    publisher: str = ""
    contact: str = ""
    category: str = ""


def record(
    dataset: Dataset, study: Study, holder: Holder, counts: tuple[int, int]
) -> dict[str, Any]:
    """Return the record of `dataset` as JSON-LD.

    Args:
        dataset: The site's dataset file.
        study: Through whose eyes it is described.
        holder: Who holds it.
        counts: Patients, and units of the study.
    """
    patients, units = (banded(count) for count in counts)
    known: dict[str, Any] = {
        "dct:title": holder.title,
        "dct:description": _description(study),
        "dct:accessRights": _at(NON_PUBLIC),
        "dcatap:applicableLegislation": _at(EHDS),
        "dcat:keyword": sorted([*study.features, study.target_name]),
        "healthdcatap:hasCodingSystem": [_at(SYSTEMS[name]) for name in _systems(study)],
        "dct:conformsTo": [_at(STANDARDS[kind]) for kind in _kinds(dataset)],
        "healthdcatap:numberOfUniqueIndividuals": _whole(patients),
        "healthdcatap:numberOfRecords": _whole(units),
        **_ages(study),
    }
    if holder.publisher:
        known["dct:publisher"] = {"@type": "foaf:Agent", "foaf:name": holder.publisher}
    if holder.contact:
        mail = f"mailto:{holder.contact}" if "@" in holder.contact else holder.contact
        known["dcat:contactPoint"] = {"@type": "vcard:Kind", "vcard:hasEmail": _at(mail)}
    if holder.category:
        known["healthdcatap:healthCategory"] = _at(holder.category)
    said = {key: value for key, value in known.items() if value not in (None, [], {})}
    return {"@context": CONTEXT, "@type": "dcat:Dataset", **said}


def unsaid(found: Mapping[str, Any]) -> list[str]:
    """Return the elements that a catalogue asks for and the record does not have."""
    asked = (
        "dct:publisher",
        "dcat:contactPoint",
        "healthdcatap:healthCategory",
        "dct:provenance",
    )
    return [name for name in asked if name not in found]


def banded(count: int) -> int | None:
    """Return `count` rounded down; None if it is too small to be told.

    >>> banded(1239), banded(19)
    (1230, None)
    """
    return None if count < FEWEST else count // STEP * STEP


def _description(study: Study) -> str:
    said = [f"{name} ({_kind(feature)})" for name, feature in sorted(study.features.items())]
    question = study.study.purpose.rstrip(".?!")
    return (
        f"Data for the question: {question}. Known of a {study.study.unit}: "
        f"{', '.join(said)}; outcome: {study.target_name}."
    )


def _kind(feature: object) -> str:
    if isinstance(feature, NumberFeature):
        return f"number in {feature.unit}"
    if isinstance(feature, CategoryFeature):
        return f"one of {', '.join(feature.levels)}"
    if isinstance(feature, ImageFeature):
        return f"image{', ' + feature.modality if feature.modality else ''}"
    if isinstance(feature, SequenceFeature):
        return f"events in time: {', '.join(feature.items)}"
    return "yes or no"


def _systems(study: Study) -> list[str]:
    found = {
        code.partition(":")[0] for codes in feature_codes(study).values() for code in codes
    }
    return sorted(found & SYSTEMS.keys())


def _kinds(dataset: Dataset) -> Sequence[str]:
    kinds = {dataset.dataset.kind, *(each.dataset.kind for each in dataset.sources.values())}
    return sorted(kinds & STANDARDS.keys())


def _ages(study: Study) -> dict[str, Any]:
    """Return the youngest and oldest age that the study counts as plausible."""
    for feature in study.features.values():
        if isinstance(feature, NumberFeature) and feature.unit == "a":
            low, high = feature.range
            return {"healthdcatap:minTypicalAge": _whole(int(low)),
                    "healthdcatap:maxTypicalAge": _whole(int(high))}  # fmt: skip
    return {}


def _whole(count: int | None) -> dict[str, str] | None:
    if count is None:
        return None
    return {"@value": str(count), "@type": "xsd:nonNegativeInteger"}


def _at(address: str) -> dict[str, str]:
    return {"@id": address}
