"""exchange/intake.toml: what a site takes in from others, whoever offers it.

    from = ["north", "south"]           # all admitted ones if absent
    kinds = ["model", "predictions"]
    families = ["linear", "mlp-64"]     # every installed one if absent
    max_bytes = 268435456
    purposes = ["research"]             # what its terms must allow; the question's if absent

Without the file the bounds below hold. What is turned away is in the ledger, with the rule.
"""

import json
import tomllib
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modelward.core.faults import Fault, from_validation, lines
from modelward.core.terms import Count, Name
from modelward.core.verdict import Finding
from modelward.errors import BadArtifact, GateRefused
from modelward.exchange.documents.card import Kind, OfferCard, Word
from modelward.exchange.documents.content import schema_of
from modelward.exchange.documents.entry import Entry
from modelward.exchange.documents.question import Question

ALL: frozenset[Kind] = frozenset(("model", "adapter", "predictions", "prototypes", "labels"))


MOST = 500
"""Subgroups and makes that a card may name; a map of more is read by nobody."""


class Intake(BaseModel):
    """A whole intake file."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", populate_by_name=True)

    sources: frozenset[Name] | None = Field(default=None, alias="from")
    kinds: frozenset[Kind] = ALL
    families: frozenset[Word] | None = None
    max_bytes: Count = 256 * 2**20
    purposes: frozenset[Word] | None = None


def read_intake(path: Path) -> Intake:
    """Return the intake policy at `path`, or the standard one if there is no file.

    Raises:
        GateRefused: With every fault found, if the file cannot be used as written.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
        return Intake.model_validate_json(json.dumps(table, default=str), strict=True)
    except FileNotFoundError:
        return Intake()
    except ValidationError as error:
        raise _refuse(path, from_validation(error, Intake)) from error
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _refuse(path, [Fault("", f"cannot be read: {error}")]) from error


def objections(
    entry: Entry,
    question: Question,
    intake: Intake,
    who: tuple[str, Collection[str]],
    now: datetime,
) -> tuple[Finding, ...]:
    """Return what speaks against taking an artifact in, or using it.

    Terms are asked again at every use: what has expired or was revoked meanwhile is not used,
    nor is what an institution made that is not admitted any more. What a site takes in from
    others says nothing about its own.

    Args:
        entry: The artifact.
        question: What is answered.
        intake: What is taken in.
        who: Our name, and who is admitted.
        now: The time.
    """
    own, members = who
    card, foreign = entry.card, entry.card.site != own
    purposes = intake.purposes or frozenset({question.purpose})
    found = {
        "intake-member": (
            foreign and card.site not in members,
            f"{card.site} is not admitted here, or not any more",
        ),
        "intake-from": (
            foreign and intake.sources is not None and card.site not in intake.sources,
            f"{card.site} is not among {', '.join(sorted(intake.sources or ()))}",
        ),
        "intake-kind": (
            foreign and card.kind not in intake.kinds,
            f"kind {card.kind} is not taken",
        ),
        "intake-family": (
            foreign and intake.families is not None and card.made.family not in intake.families,
            f"family {card.made.family} is not taken",
        ),
        "intake-bytes": (
            foreign and max(card.nbytes, entry.sealed_bytes) > intake.max_bytes,
            f"{card.nbytes:,} bytes, at most {intake.max_bytes:,} are taken",
        ),
        "intake-revoked": (bool(entry.revoked), f"it was revoked: {entry.revoked}"),
        "terms-expired": (now >= card.expires, f"it expired at {card.terms.expires}"),
        "terms-purpose": (
            not purposes & set(card.terms.purposes),
            f"it is for {', '.join(card.terms.purposes)}; wanted for {', '.join(purposes)}",
        ),
        "terms-recipient": (
            bool(card.terms.recipients) and own not in (*card.terms.recipients, card.site),
            f"it is for {', '.join(card.terms.recipients)}",
        ),
    }
    said = tuple(
        Finding(rule, text, _REMEDY[rule.partition("-")[0]])
        for rule, (wrong, text) in found.items()
        if wrong
    )
    return said + form(card, question)


_REMEDY = {
    "intake": "change exchange/intake.toml if it should be taken, or leave it",
    "terms": "ask its maker for an offer on other terms",
}


def form(card: OfferCard, question: Question) -> tuple[Finding, ...]:
    """Object to a card that no bundle of this question can fit, or that nobody could read."""
    try:
        schema = schema_of(card.kind, card.made, question)
    except BadArtifact as error:
        return (Finding("intake-form", error.what, error.remedy),)
    if not card.known(question.labels):
        return (Finding("intake-labels", "its label space is another", "offer it elsewhere"),)
    named = len(card.competence.groups) + len(card.competence.equipment)
    if named > MOST:
        said = f"it names {named:,} subgroups and makes, of which {MOST} are read"
        return (Finding("intake-form", said, "ask its maker for a card that people can read"),)
    if not schema.nbytes <= card.nbytes <= schema.nbytes + 2**16 + 8:
        said = f"{card.nbytes:,} bytes cannot hold {schema.nbytes:,} bytes of values"
        return (Finding("intake-form", said, "ask its maker for a right card"),)
    return ()


def _refuse(path: Path, faults: list[Fault]) -> GateRefused:
    return GateRefused(
        lines(str(path), faults),
        why="an intake policy that is half understood would take in what it should not",
        remedy="correct the keys above (docs/exchange.md lists every one)",
    )
