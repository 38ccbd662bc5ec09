"""Putting an artifact on offer: gate, ledger, card, seal, letter.

What leaves is written anew by the door from tensors; the card is made from what is known here
and signed; the bundle is sealed for its recipients and named by hash. The same offer made
again after a crash is the same release, from the same bytes.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

import numpy as np

from modelward import durable
from modelward.core.canonical import Json, canonical_hash
from modelward.core.clock import stamp
from modelward.core.task import Publication
from modelward.core.tensors import Tensors
from modelward.core.terms import NAME
from modelward.core.verdict import Release
from modelward.errors import GateRefused, NotApproved
from modelward.exchange.documents import card as cards
from modelward.exchange.documents import seal
from modelward.exchange.documents.card import Competence, Kind, Made, OfferCard, Terms
from modelward.exchange.documents.content import schema_of
from modelward.exchange.documents.entry import Entry
from modelward.exchange.families.family import Family
from modelward.exchange.giving import leaving
from modelward.exchange.institution.folder import Institution
from modelward.exchange.institution.inspection import Subject
from modelward.gate.offer import UNBOUNDED, Offer


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draft:
    """What an institution would like to offer.

    Attributes:
        kind: What it is.
        family: The family it was made with.
        tensors: Its values.
        patients: Training units behind it.
        persons: Of how many persons they are.
        competence: What its maker's patients could teach.
        terms: For what, for whom, until when.
        series: What its version counts within.
        base: SHA-256 of the bundle that training started from.
        lineage: Cards that went into it.
        cells: Units behind single figures (prototypes), 0 for none.
        privacy: The privacy event, as it was booked.
        start: Of an adapter: the parameters of its base.
        seed: Of the start that training began with.
    """

    kind: Kind
    family: Family
    tensors: Tensors
    patients: int
    persons: int
    competence: Competence
    terms: Terms
    series: str = "main"
    base: str | None = None
    lineage: tuple[str, ...] = ()
    cells: tuple[int, ...] = ()
    privacy: Mapping[str, str | int | float] = field(default_factory=lambda: dict(UNBOUNDED))
    start: Tensors | None = None
    seed: int = 0


def offer(here: Institution, draft: Draft) -> OfferCard:
    """Release `draft` through the gate and put it on offer.

    Raises:
        NotApproved: If its terms give it to nobody.
        GateRefused: If the gate lets it not out; its ledger says why.
        HeldForReview: If the policy has a person look at it first.
    """
    _require_given(here, draft.terms)
    _require_name(draft.series)
    _require_passable(here, draft)
    version = here.book.version(here.name, draft.series, draft.kind) + 1
    made = Made(
        family=draft.family.name,
        version=draft.family.version,
        inputs=here.question.inputs,
    )
    subject = Subject(
        kind=draft.kind,
        made=made,
        tensors=draft.tensors,
        base=draft.start,
        seed=draft.seed,
    )
    release = _release(here, draft, subject, version)
    artifact = release.artifact
    card = cards.sign(
        OfferCard(
            kind=draft.kind,
            site=here.name,
            version=version,
            series=draft.series,
            question=here.question.sha256,
            made=made,
            sha256=artifact.card.sha256,
            nbytes=artifact.card.nbytes,
            release=release.task,
            base=draft.base,
            lineage=draft.lineage,
            competence=draft.competence,
            **_done(here, release, subject),
            terms=draft.terms,
            issued=stamp(here.now),
        ),
        here.key,
    )
    _announce(here, card)
    return card


def _require_given(here: Institution, terms: Terms) -> None:
    """Refuse terms by which nobody could use it: expired, or for strangers."""
    require_admitted(here, terms.recipients)
    if datetime.fromisoformat(terms.expires) <= here.now:
        raise NotApproved(
            f"it would have expired at {terms.expires}",
            why="terms are asked at every pull and at every use",
            remedy="give it at least a day: --days 365",
        )


def require_admitted(here: Institution, recipients: Iterable[str]) -> None:
    """Raise NotApproved, with all of them, if some recipients are not admitted here."""
    strangers = sorted(set(recipients) - set(here.members))
    if strangers:
        raise NotApproved(
            f"{', '.join(strangers)} is not admitted here",
            why="an artifact is sealed for keys that were compared by voice",
            remedy=f"admitted are {', '.join(sorted(here.members))}; see: exchange admit",
        )


def _require_name(series: str) -> None:
    """Refuse a series that no card could name, before the gate releases anything."""
    if not re.fullmatch(NAME, series):
        raise NotApproved(
            f"{series[:70]!r} is no name of a series",
            why="a card names its series: lower case, digits, - and _, a letter first",
            remedy="choose such a name, at most 63 characters long",
        )


def _require_passable(here: Institution, draft: Draft) -> None:
    """Refuse to pass on what others gave for use alone."""
    for parent in draft.lineage:
        entry = here.book.entry(parent)
        if entry is None or entry.card.site == here.name or entry.card.terms.redistribution:
            continue
        raise GateRefused(
            f"{entry.sha[:12]}… of {entry.card.site} went into it, and may not be passed on",
            why="its terms say no redistribution; what is made of it may be used here",
            remedy=f"ask {entry.card.site} for an offer that allows redistribution",
        )


def grant(here: Institution, entry: Entry, name: str) -> None:
    """Give an institution that asked the key to an own artifact, if the terms allow it.

    Raises:
        NotAdmitted: If it is not admitted here.
        GateRefused: If it is another's, was revoked, has expired, or is for other recipients.
    """
    terms, own = entry.card.terms, entry.card.site == here.name
    if not own or entry.revoked or entry.card.expires <= here.terms_at:
        raise GateRefused(
            f"{entry.sha[:12]}… of {entry.card.site} is not given to anybody now",
            why="its maker alone gives the key, while the offer stands",
            remedy="ask its maker, or offer it anew",
        )
    if terms.recipients and name not in terms.recipients:
        raise GateRefused(
            f"{name} is not among the recipients of {entry.sha[:12]}…",
            why="terms are what was decided when it was offered",
            remedy="offer it again on other terms",
        )
    key = (here.folder / "sealed" / f"{entry.sha}.key").read_bytes()
    wrapped = seal.wrap(key, here.peer(name).sealing, entry.sha, here.draw)
    body = {"card": entry.sha, "to": name, "key": wrapped}
    here.say("grant", body, card=entry.sha)
    here.deliver()


def _done(here: Institution, release: Release, subject: Subject) -> dict[str, Any]:
    """Return privacy event and leakage result of a card, as the ledger has them."""
    entry = here.ledger.find(release.task) or {}
    digest, found = entry.get("leakage"), {}
    if isinstance(digest, str):
        found = here.looking.told(release.task, subject, digest)
    return {"privacy": dict(release.artifact.card.privacy), "leakage": found}


def _release(here: Institution, draft: Draft, looked_at: Subject, version: int) -> Release:
    subject = canonical_hash(
        {
            "kind": draft.kind,
            "series": draft.series,
            "competence": draft.competence.model_dump(mode="json"),
            "terms": draft.terms.model_dump(mode="json"),
            "lineage": list(draft.lineage),
            "values": _digest(draft.tensors),
        }
    )
    cause = Publication(
        study=here.question.sha256,
        round_no=version,
        kind="offer",
        subject=subject,
        model=draft.base,
    )
    schema = schema_of(draft.kind, looked_at.made, here.question)
    put = Offer(
        task=cause,
        kind=draft.kind,
        tensors=draft.tensors,
        patients=draft.patients,
        schema=schema,
        sent_bytes=here.sent.for_study(cause.study),
        today_bytes=here.sent.today(),
        privacy=draft.privacy,
        look=here.looking.at(cause.id, looked_at),
    )
    before = here.ledger.size
    rules = leaving.rules(here.policy, here.question.purpose, draft.cells, draft.persons)
    answer = here.reviews.act(here.door, cause, schema, rules, here.sent)
    answer = answer or here.door.decide(cause, lambda: put, rules)
    if not isinstance(answer, Release):
        raise refused(here, cause)
    if here.ledger.size > before:
        here.sent.note(cause.study, answer.artifact.card.nbytes)
    return answer


def refused(here: Institution, cause: Publication) -> GateRefused:
    """Return the error that says what the gate objected to."""
    entry: Mapping[str, Json] = here.ledger.find(cause.id) or {}
    findings = entry.get("findings") or []
    said = "; ".join(
        f"{each['rule']}: {each['says']}"
        for each in findings  # type: ignore[union-attr]
        if isinstance(each, Mapping)
    )
    return GateRefused(
        f"the gate of {here.name} lets it not out: {said}",
        why="what leaves for the network meets the site's policy like any release",
        remedy="see docs/gate.md for the rule; a change of policy.toml is the site's decision",
    )


def _announce(here: Institution, card: OfferCard) -> None:
    """Seal the bundle, write the letter, and post both."""
    name, folder = card.sha, here.folder / "sealed"
    key = here.draw(seal.KEY)
    durable.write_whole(folder / f"{name}.key", key, mode=0o600)
    part = folder / f"{name}.part"
    durable.write_whole(part, seal.sealed(here.door.outbox.path(card.sha256), key, name))
    found, size = sha256(), 0
    with part.open("rb") as stream:
        while block := stream.read(seal.CHUNK):
            found.update(block)
            size += len(block)
    part.replace(folder / found.hexdigest())
    recipients = card.terms.recipients or tuple(here.members)
    keys = {
        each: seal.wrap(key, here.peer(each).sealing, name, here.draw)
        for each in sorted({*recipients, here.name} & set(here.members))
    }
    sealed = (found.hexdigest(), size)
    with here.book.together():
        here.say(
            "offer",
            {
                "card": card.model_dump(mode="json"),
                "sealed": {"sha256": sealed[0], "nbytes": size},
                "keys": keys,
            },
            card=name,
        )
        here.book.add_offer(card, sealed, keys, here.name, stamp(here.now))
    here.deliver()


def _digest(tensors: Tensors) -> str:
    found = sha256()
    for name in sorted(tensors):
        found.update(name.encode() + b"\0" + np.ascontiguousarray(tensors[name]).tobytes())
    return found.hexdigest()
