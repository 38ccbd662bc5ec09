"""Judging every artifact on private validation, and telling the others: signed reports.

An artifact is judged as if the classes had been equally frequent where it learnt, and trust
counts those that its card claims: a hospital that has seen three classes out of ten is not a
bad one, and one whose labels are wrong claims classes that it does not know (docs/decisions).

A report goes through the gate as `metrics`: recalls of classes with fewer validation units
than the policy's minimum cell are hidden, units are in bands. The bundle that the ledger
records is rebuilt by whoever reads the letter, so what was said is what was released.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from modelward.artifact import bundle
from modelward.core.canonical import Json, canonical_hash
from modelward.core.task import Publication
from modelward.core.tensors import Schema, Tensors, TensorSpec
from modelward.core.verdict import Finding, Release
from modelward.exchange.documents.bands import band
from modelward.exchange.documents.letter import Letter
from modelward.exchange.families.family import Floats
from modelward.exchange.giving import leaving
from modelward.exchange.giving.offering import refused
from modelward.exchange.institution.examples import Examples
from modelward.exchange.institution.folder import Institution
from modelward.exchange.listening.voices import Spoken
from modelward.exchange.methods import sanity, triggers
from modelward.exchange.methods.probability import Labels, recalls
from modelward.exchange.methods.trust import Report, Standing
from modelward.gate.offer import Offer

HIDDEN = -1.0
"""A recall that is not told, in the bundle of a report."""


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What a report or a ballot holds.

    Attributes:
        recalls: Per class; NaN where nothing is said.
        plain: The same of answers as they are; of a combination both are the same.
        units: Validation units per class; in bands once it was released.
    """

    recalls: Floats
    plain: Floats
    units: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """What private validation says of one artifact.

    Attributes:
        card: Hash of its card.
        recalls: Per class, as if classes had been equally frequent where it learnt; NaN where
            too few units could judge it.
        plain: The same of its answers as they are.
        units: Validation units per class.
        findings: Why it is in quarantine; empty if nothing speaks against it.
    """

    card: str
    recalls: Floats
    plain: Floats
    units: NDArray[np.intp]
    findings: tuple[Finding, ...]


def judge(found: Sequence[Spoken], own: Examples, least: int) -> list[Judgement]:
    """Return what private validation says of each artifact. Pure.

    Args:
        found: Artifacts with their voices.
        own: Whose validation units judge.
        least: Fewest units of a class that a recall is said of.
    """
    copied = sanity.copies({each.entry.sha: _sample(each, own) for each in found})
    turned = _turned(found, own)
    judged = []
    for each in found:
        fair = each.fair(own.valid_x)
        findings = sanity.values(each.tensors)
        findings = findings or sanity.answers(fair, own.valid_y, each.claimed)
        findings += tuple(
            seen[each.entry.sha] for seen in (copied, turned) if each.entry.sha in seen
        )
        said, plain = (
            told(answer.argmax(axis=1), own.valid_y, fair.shape[1], least)
            for answer in (fair, each.voice(own.valid_x))
        )
        units = np.bincount(own.valid_y, minlength=said.size)
        judged.append(Judgement(each.entry.sha, said, plain, units, findings))
    return judged


def unwatched(found: Sequence[Spoken], own: Examples) -> dict[str, str]:
    """Return the artifacts in which a trigger would not be found here, or not all, and why."""
    said: dict[str, str] = {}
    for alike in _families(found).values():
        said |= triggers.unwatched({e.entry.sha: e.claimed for e in alike}, own.valid_x)
    return said


def _families(found: Sequence[Spoken]) -> dict[str, list[Spoken]]:
    families: dict[str, list[Spoken]] = {}
    for each in found:
        families.setdefault(each.entry.card.made.family, []).append(each)
    return families


def _turned(found: Sequence[Spoken], own: Examples) -> dict[str, Finding]:
    """Return which artifacts a patch turns, each compared with those of its family."""
    knows = {each.entry.sha: each.claimed for each in found}
    looked_at = (
        triggers.triggers({e.entry.sha: e.voice for e in alike}, own.valid_x, knows)
        for alike in _families(found).values()
    )
    return {card: seen for found_here in looked_at for card, seen in found_here.items()}


def told(picked: Labels, y: Labels, classes: int, least: int) -> Floats:
    """Return recalls, without those of small cells."""
    units = np.bincount(y, minlength=classes)
    return np.where(units >= least, recalls(y, picked, classes), np.nan)


def report(here: Institution, judged: Judgement) -> bool:
    """Tell the others what was found, if the gate lets it out; return whether it did.

    Raises:
        GateRefused: If the policy has a rule against it other than small cells.
    """
    if np.isnan(judged.recalls).all():
        return False
    said = Said(judged.recalls, judged.plain, judged.units)
    body = publish(here, {"card": judged.card}, said)
    if body is None:
        return False
    here.say("report", body, card=judged.card)
    return True


def publish(
    here: Institution, about: Mapping[str, Json], said: Said
) -> dict[str, object] | None:
    """Release recalls through the gate; return the body of a letter, None if said before.

    Raises:
        GateRefused: If the policy lets it not out.
    """
    labels, tensors = here.question.labels, report_tensors(said)
    values: list[Json] = [tensors[name].tolist() for name in sorted(tensors)]
    cause = Publication(
        study=here.question.sha256,
        round_no=0,
        kind="report",
        subject=canonical_hash({**about, "values": values}),
    )
    if here.ledger.find(cause.id) is not None:
        return None
    put = Offer(
        task=cause,
        kind="metrics",
        tensors=tensors,
        patients=int(said.units.sum()),
        schema=_schema(len(labels)),
        sent_bytes=here.sent.for_study(cause.study),
        today_bytes=here.sent.today(),
    )
    shown = np.flatnonzero(~np.isnan(said.recalls))
    cells = tuple(int(said.units[cls]) for cls in shown)
    rules = leaving.rules(here.policy, here.question.purpose, cells)
    answer = here.door.decide(cause, lambda: put, rules)
    if not isinstance(answer, Release):
        raise refused(here, cause)
    here.sent.note(cause.study, answer.artifact.card.nbytes)
    told_of = {name: values.tolist() for name, values in tensors.items()}
    return {
        **about,
        **{
            name: {labels[cls]: listed[cls] for cls in shown}
            for name, listed in told_of.items()
        },
        "release": answer.artifact.card.sha256,
    }


def report_tensors(said: Said) -> Tensors:
    """Return the bundle of a report: `recalls`, `plain` and `units`, each [classes]."""
    shown = ~np.isnan(said.recalls)
    units = [band(int(n)) if k else 0 for n, k in zip(said.units, shown, strict=True)]
    return {
        "recalls": np.where(shown, np.round(said.recalls, 3), HIDDEN),
        "plain": np.where(shown, np.round(said.plain, 3), HIDDEN),
        "units": np.array(units, np.int64),
    }


def read_report(letter: Letter, labels: tuple[str, ...]) -> Said | None:
    """Return what a report or ballot says; None if it says nothing that can be read.

    The numbers must be the ones whose bundle its sender's ledger has.
    """
    try:
        recall, plain = (
            np.array([float(letter.body[part].get(name, np.nan)) for name in labels])
            for part in ("recalls", "plain")
        )
        units = np.array([int(letter.body["units"].get(name, 0)) for name in labels], np.intp)
        said = Said(recall, plain, units)
        raw = bundle.to_bytes(report_tensors(said))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None
    wrong = ((recall > 1) | (recall < 0) | (plain > 1) | (plain < 0)).any()
    if wrong or sha256(raw).hexdigest() != letter.body.get("release"):
        return None
    return said


def reports(here: Institution, found: Sequence[Spoken]) -> list[Report]:
    """Return what admitted institutions report of `found`, on the classes that are claimed."""
    claims = {each.entry.sha: each.claimed for each in found}
    said = []
    for letter in here.book.letters("report"):
        card, read = str(letter.body["card"]), read_report(letter, here.question.labels)
        if read is None or card not in claims or letter.sender not in here.members:
            continue
        claimed = np.isin(np.arange(read.recalls.size), claims[card])
        recall = np.where(claimed, read.recalls, np.nan)
        said.append(Report(letter.sender, card, recall, letter.time))
    return said


def quarantined(
    standings: Mapping[str, Standing],
    judged: Sequence[Judgement],
    overrides: Mapping[str, tuple[bool, str]],
) -> dict[str, Standing]:
    """Return standings in which what failed sanity is not used, unless a person said so."""
    found = dict(standings)
    for each in judged:
        if each.findings and each.card not in overrides:
            found[each.card] = replace(
                found[each.card], used=False, reason=_said(each.findings)
            )
    return found


def _said(findings: tuple[Finding, ...]) -> str:
    return "quarantine: " + "; ".join(f"{each.rule}: {each.says}" for each in findings)


def _schema(classes: int) -> Schema:
    return Schema.of(
        TensorSpec("recalls", "F64", (classes,)),
        TensorSpec("plain", "F64", (classes,)),
        TensorSpec("units", "I64", (classes,)),
    )


def _sample(each: Spoken, own: Examples) -> sanity.Sample:
    card = each.entry.card
    return sanity.Sample(
        site=card.site,
        issued=datetime.fromisoformat(max(card.issued, each.entry.after)),
        named=frozenset({*card.lineage, card.base or ""}),
        sha256=card.sha256,
        likely=np.exp(each.voice(own.valid_x)),
        read=each.entry.read,
    )
