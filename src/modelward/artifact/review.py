"""What a person decided about an artifact that is held, signed with that person's own key.

A review binds one task and the one card that waits for it, and with the card the bytes, the
headcount and the privacy event: nothing else can leave in its name, and it says nothing
about any other task. It is signed with Ed25519 over canonical JSON behind a prefix of its
own and never leaves the site; the ledger has its hash.

What a person decides about a whole study is decision.py's. docs/formats/approval.md has an
example of both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from modelward.artifact.person_statement import HASH, PersonSigned

Ruling = Literal["released", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Review(PersonSigned):
    """One decision of one person about one artifact.

    Attributes:
        word: What was decided.
        task: Id of the task that the artifact answers.
        card: SHA-256 of its card, unsigned (gate/hold.py).
        site: The site that the person speaks for.
        person: The person's name, as the site's policy spells it.
        time: When, RFC 3339, UTC.
        reason: Why, in the person's words; may be empty. Stays at the site.
        public: The person's raw Ed25519 public key, hex.
        signature: Over all other fields, hex; "" if unsigned.

    Raises:
        MessageRefused: If a field is not of this form.
    """

    FORMAT: ClassVar[str] = "modelward-review/1"
    OWN: ClassVar[Mapping[str, str]] = {
        "task": HASH,
        "card": HASH,
        "reason": r"[^\x00-\x1f\x7f]{0,400}",
    }
    SAYS: ClassVar[tuple[str, str, str]] = (
        "a review",
        "only what a named person signed, about this very artifact, is a review",
        "decide again at the site: modelward site release, or modelward site refuse",
    )

    word: Ruling
    task: str
    card: str
    site: str
    person: str
    time: str
    reason: str = ""
    public: str = "0" * 64
    signature: str = ""
