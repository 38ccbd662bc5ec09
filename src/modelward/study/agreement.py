"""What a site is asked to agree to: a study, and everybody who takes part.

The roster is the name and the fingerprint of the signing key of every site. Its own
fingerprint is what sites compare among themselves, by voice: equal fingerprints mean that
the hub has shown everybody the same partners. An approval binds study and roster, so a
change of either needs a new one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelward.core.canonical import Json, canonical_bytes, canonical_hash
from modelward.core.study import Study
from modelward.errors import MessageRefused, StudyFileError
from modelward.study.read import from_json, meaning

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A study and its roster.

    Attributes:
        study: The terms.
        roster: Site name -> SHA-256 of its raw Ed25519 public key, hex.

    Raises:
        MessageRefused: If the roster is malformed, or is not the study's sites.
    """

    study: Study
    roster: Mapping[str, str]

    def __post_init__(self) -> None:
        named = set(self.study.sites.names)
        faults = {
            "a site's name or fingerprint is malformed": not all(
                _matches(_NAME, name) and _matches(_FINGERPRINT, key)
                for name, key in self.roster.items()
            ),
            "two sites have the same key": len(set(self.roster.values())) < len(self.roster),
            f"{len(self.roster)} sites, at least {self.study.sites.minimum} are asked for": (
                len(self.roster) < self.study.sites.minimum
            ),
            "the roster is not the sites that the study names": bool(
                named and named != set(self.roster)
            ),
        }
        for what, wrong in faults.items():
            if wrong:
                raise _refuse(what)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the roster: what sites compare among themselves, 64 hex digits."""
        return canonical_hash({"format": "modelward-roster/1", "sites": dict(self.roster)})

    def body(self) -> dict[str, Json]:
        """Return the agreement as the body of a proposal."""
        return {"terms": self.study.model_dump(mode="json"), "roster": dict(self.roster)}


def from_body(body: Mapping[str, Any]) -> Agreement:
    """Return the agreement in the body of a proposal.

    Raises:
        MessageRefused: If it is not one, or asks for what is not installed here.
    """
    if set(body) != {"terms", "roster"} or not isinstance(body["roster"], Mapping):
        raise _refuse("it does not hold terms and a roster, and nothing else")
    try:
        study = from_json(canonical_bytes(body["terms"]))
    except StudyFileError as error:
        raise _refuse(error.what) from error
    faults = meaning(study)
    if faults:
        raise _refuse("; ".join(fault.line() for fault in faults))
    if study.model_dump(mode="json") != body["terms"]:
        raise _refuse("its terms are not written out in full")
    return Agreement(study=study, roster=dict(body["roster"]))


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _refuse(found: str) -> MessageRefused:
    return MessageRefused(
        f"a proposal is refused: {found}",
        why="a site approves one study with one list of partners, both written out in full",
        remedy="ask the hub to correct the study and propose it again",
    )
