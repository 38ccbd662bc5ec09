"""Which records of a store a study asks for: codes of the study, and the site's own for them.

A reader asks of every coding it meets which of the study's codes it stands for; what nobody
asks for is never kept. One record may stand for several codes of the study.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from modelward.core.codes import BY_PREFIX, bare, covers
from modelward.core.features import CategoryFeature
from modelward.core.study import Study

FHIR_SYSTEMS: dict[str, str] = {
    "http://loinc.org": "LOINC",
    "http://snomed.info/sct": "SNOMED",
    "http://hl7.org/fhir/sid/icd-10": "ICD-10",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10",
    "http://fhir.de/CodeSystem/bfarm/icd-10-gm": "ICD-10",
    "http://hl7.org/fhir/sid/icd-9-cm": "ICD-9-CM",
    "http://www.whocc.no/atc": "ATC",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm",
}
"""Canonical address of a code system (FHIR terminology) -> our name for it."""

VOCABULARIES: dict[str, str] = {
    "LOINC": "LOINC", "SNOMED": "SNOMED", "ICD10": "ICD-10", "ICD10CM": "ICD-10",
    "ICD10GM": "ICD-10", "ICD9CM": "ICD-9-CM", "ATC": "ATC", "RxNorm": "RxNorm",
    "RxNorm Extension": "RxNorm",
}  # fmt: skip
"""Vocabulary of OMOP and MEDS -> our name for it."""


@dataclass(frozen=True)
class Wanted:
    """What a study asks of a store.

    Attributes:
        codes: Every code that the study names, answers of categories left out.
        local: Code or name of the site -> code of the study (`[codes]` in dataset.toml).
    """

    codes: tuple[str, ...]
    local: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, study: Study, local: Mapping[str, str]) -> "Wanted":
        """Return what `study` asks of a site whose own codes are `local`."""
        return cls(tuple(sorted(set(_codes(study)))), dict(local))

    def matches(self, found: Iterable[str]) -> tuple[str, ...]:
        """Return the codes of the study that a record with the codings `found` stands for.

        Args:
            found: Each SYSTEM:CODE, or a bare code or name of the site.
        """
        return tuple(dict.fromkeys(code for each in found for code in self._of_one(each)))

    @cached_property
    def _seen(self) -> dict[str, tuple[str, ...]]:
        return {}

    def _of_one(self, found: str) -> tuple[str, ...]:
        if found not in self._seen:
            self._seen[found] = self._look_up(found)
        return self._seen[found]

    def _look_up(self, found: str) -> tuple[str, ...]:
        system, _, code = found.partition(":")
        meant = self.local.get(found, self.local.get(code if system else found, found))
        if meant in self._exact:
            return (*self._exact[meant], *self._below(meant))
        return self._below(meant)

    @cached_property
    def _exact(self) -> dict[str, tuple[str, ...]]:
        return {code: (code,) for code in self.codes}

    def _below(self, found: str) -> tuple[str, ...]:
        if found.partition(":")[0] not in BY_PREFIX:
            return ()
        return tuple(
            code
            for code in self.codes
            if code != found and covers(code, found) and bare(code) != ""
        )


def feature_codes(study: Study) -> dict[str, tuple[str, ...]]:
    """Return the codes of every feature, criterion and the target, by name."""
    found = {name: getattr(feature, "code", ()) for name, feature in study.features.items()}
    found |= {name: criterion.code for name, criterion in study.cohort.criteria.items()}
    return {**found, **{name: outcome.code for name, outcome in study.target.items()}}


def item_codes(study: Study) -> dict[str, tuple[str, ...]]:
    """Return the codes of every item of the study's sequence, by the item's name."""
    if study.sequence is None:
        return {}
    return {name: item.code for name, item in study.sequence[1].places}


def answer_levels(feature: CategoryFeature) -> dict[str, str]:
    """Return answer code -> level of a category."""
    return {code: level for level, codes in (feature.answers or {}).items() for code in codes}


def _codes(study: Study) -> Iterable[str]:
    if study.cohort.index is not None:
        yield from study.cohort.index.code
    for codes in feature_codes(study).values():
        yield from codes
    for outcome in study.target.values():
        yield from getattr(outcome, "followed", None) or ()
