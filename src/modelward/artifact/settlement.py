"""What a person signed about an alarm: that it is cleared up, and what was lost with it.

An alarm stops a site (ledger/alarm.py); who settles it lets the site go on, and answers for
what its ledger has lost. So a settlement is signed with the person's own key, as approvals and
reviews are (decision.py, review.py): Ed25519 over canonical JSON behind a prefix of its own.
It lies beside the alarms and never leaves the site; the entry `gap` has its hash.

docs/formats/approval.md has the fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from modelward.artifact.person_statement import PersonSigned


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement(PersonSigned):
    """One person's word that one alarm is cleared up.

    Attributes:
        alarm: Id of the alarm: a hash of its evidence.
        spent: Epsilon that is taken as spent for lost entries, as a decimal number; "" if the
            person does not say, which is all that is left.
        reason: Why, in the person's words.
        site: The site that the person speaks for.
        person: The person's name, as the site's policy spells it.
        time: When, RFC 3339, UTC.
        public: The person's raw Ed25519 public key, hex.
        signature: Over all other fields, hex; "" if unsigned.

    Raises:
        MessageRefused: If a field is not of this form.
    """

    FORMAT: ClassVar[str] = "modelward-settlement/1"
    OWN: ClassVar[Mapping[str, str]] = {
        "alarm": r"[0-9a-f]{16}",
        "spent": r"([0-9]{1,12}(\.[0-9]{1,12})?)?",
        "reason": r"[^\x00-\x1f\x7f]{1,400}",
    }
    SAYS: ClassVar[tuple[str, str, str]] = (
        "a settlement",
        "only what a named person signed, about this very alarm, settles it",
        "settle it again at the site: modelward site alarms SITE --settle ID",
    )

    alarm: str
    spent: str
    reason: str
    site: str
    person: str
    time: str
    public: str = "0" * 64
    signature: str = ""
