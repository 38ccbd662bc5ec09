"""What a person decided about a study, signed with that person's own key.

A site's word about a study is a named person's: approved, declined, or withdrawn. The
decision binds the study's hash, the roster's fingerprint, the site, and its place among the
site's decisions about that study, so an old approval cannot be put in again after it was
withdrawn. It is signed with Ed25519 over canonical JSON behind a prefix of its own, travels
inside a message of the site (envelope.py), and lies in the site's ledger by its hash.

docs/formats/approval.md has an example.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from typing_extensions import override

from modelward.artifact.person_statement import HASH, PersonSigned

Word = Literal["approved", "declined", "withdrawn"]

MESSAGE: Mapping[Word, Literal["approval", "decline", "withdrawal"]] = {
    "approved": "approval",
    "declined": "decline",
    "withdrawn": "withdrawal",
}
"""The kind of message that each decision travels in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision(PersonSigned):
    """One decision of one person.

    Attributes:
        word: What was decided.
        study: SHA-256 of the study.
        roster: Fingerprint of the roster, see study/agreement.py.
        site: The site that the person speaks for.
        number: Place among the site's decisions about this study, from 1.
        person: The person's name, as the site's policy spells it.
        time: When, RFC 3339, UTC.
        public: The person's raw Ed25519 public key, hex.
        signature: Over all other fields, hex; "" if unsigned.

    Raises:
        MessageRefused: If a field is not of this form.
    """

    FORMAT: ClassVar[str] = "modelward-decision/1"
    OWN: ClassVar[Mapping[str, str]] = {"study": HASH, "roster": HASH}
    SAYS: ClassVar[tuple[str, str, str]] = (
        "a decision about a study",
        "only what a named person signed, about this study and these sites, is a decision",
        "decide again at the site: modelward site approve STUDY",
    )

    word: Word
    study: str
    roster: str
    site: str
    number: int
    person: str
    time: str
    public: str = "0" * 64
    signature: str = ""

    @override
    def __post_init__(self) -> None:
        PersonSigned.__post_init__(self)
        if self.word not in MESSAGE or self.number < 1:
            raise self.refused("its word or number is malformed")
