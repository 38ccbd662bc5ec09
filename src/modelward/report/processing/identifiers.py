"""Text that looks like an identifier of the HIPAA Safe Harbor list: so many hits of rule X.

Source: 45 CFR 164.514(b)(2)(i), letters A to R. A rule here is a pattern for one letter; a
hit is a reason to look, and no hit says nothing about a text: names without a title,
photographs and anything in a spelling of its own are not found. So the result is counts by
rule, and never a judgement of the text.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from modelward.core.canonical import Json
from modelward.core.study import Study

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"

RULES: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "A name with a title": r"\b(?:mr|mrs|ms|miss|dr|prof)\.?[ ]+[a-z][a-z'-]+",
        "B street or postal code": r"\b\d{5}(?:-\d{4})\b|\b\d{1,5}[ ]+(?:[a-z]+[ ]+){1,3}"
        r"(?:street|st|road|rd|avenue|ave|lane|drive|strasse|weg)\b",
        "C date": r"\b\d{1,2}[./]\d{1,2}[./](?:\d{4}|\d{2})\b|\b\d{4}-\d{2}-\d{2}\b"
        rf"|\b\d{{1,2}}[ .]+{_MONTH}[ ,]+\d{{4}}\b|\b{_MONTH}[ ]+\d{{1,2}},?[ ]+\d{{4}}\b",
        "C age above 89": r"\b(?:9\d|1[0-2]\d)[ -]?(?:years?[ -]old|y/?o)\b"
        r"|\baged?[ ]+(?:9\d|1[0-2]\d)\b",
        "D, E telephone or fax": r"(?<!\w)(?:\+\d{1,3}[ -]?)?"
        r"(?:\(\d{2,4}\)[ ]?|\d{2,4}[ -])\d{3,4}[ -]\d{2,4}(?!\w)",
        "F e-mail": r"\b[\w.+-]+@[\w-]+\.[\w.-]+\b",
        "G social security number": r"\b\d{3}-\d{2}-\d{4}\b",
        "H record number": r"\b(?:mrn|patient[ ]?(?:id|no|number)|record[ ]?(?:no|number))\b"
        r"[ :#]*[a-z]*-?\d{3,}",
        "I, J, K account or licence": r"\b(?:account|policy|member|licen[cs]e)[ ]?"
        r"(?:no|number|id)\b[ :#]*[\w-]*\d{3,}",
        "L, M vehicle or device serial": r"\b(?:vin|serial|imei|udi)\b[ :#]*[\w-]{5,}",
        "N web address": r"\bhttps?://\S+|\bwww\.\S+",
        "O network address": r"\b(?:\d{1,3}\.){3}\d{1,3}\b",
    }.items()
}
"""Rule name -> what it looks for. The letter is that of the regulation."""

TEXTUAL = ("by", "reason", "finding", "awaits", "source", "cohort")
"""Fields of an entry that hold words of people or of a rule, besides findings."""


@dataclass(frozen=True, slots=True)
class Hits:
    """What one rule found.

    Attributes:
        rule: Its name.
        count: Number of places.
        entries: Where, by number of the entry.
    """

    rule: str
    count: int
    entries: tuple[int, ...]


def texts_of(entry: Mapping[str, Json]) -> list[str]:
    """Return everything in an entry that people or rules wrote in words."""
    found = [str(entry[name]) for name in TEXTUAL if isinstance(entry.get(name), str)]
    findings = entry.get("findings")
    for each in findings if isinstance(findings, Sequence) else ():
        if isinstance(each, Mapping):
            found += [str(each.get("says", "")), str(each.get("remedy", ""))]
    return found


def texts_in(study: Study) -> list[str]:
    """Return everything in the terms of a study that people wrote in words, names included."""
    about = study.study
    found = [study.id, about.purpose, about.contact or "", about.legal_basis or ""]
    for name, feature in study.features.items():
        levels = getattr(feature, "levels", ())
        found += [name, *map(str, levels)]
    return [*found, study.target_name]


def search_texts(texts: Iterable[str], entries: tuple[int, ...]) -> tuple[Hits, ...]:
    """Return the hits of every rule that has any in `texts`.

    Args:
        texts: What is searched.
        entries: Numbers of the entries that name them by their hash.
    """
    listed = list(texts)
    counts = {name: sum(len(rule.findall(t)) for t in listed) for name, rule in RULES.items()}
    return tuple(Hits(name, count, entries) for name, count in counts.items() if count)


def search(entries: Iterable[Mapping[str, Json]]) -> tuple[Hits, ...]:
    """Return the hits of every rule that has any, in the order of `RULES`."""
    found: dict[str, list[int]] = {name: [] for name in RULES}
    for entry in entries:
        for text in texts_of(entry):
            for name, rule in RULES.items():
                found[name] += [int(str(entry["seq"]))] * len(rule.findall(text))
    return tuple(
        Hits(name, len(places), tuple(sorted(set(places))))
        for name, places in found.items()
        if places
    )
