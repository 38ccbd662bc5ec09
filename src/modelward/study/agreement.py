"""What a site is asked to agree to: a study, and everybody who takes part.

The roster is the name and the fingerprint of the signing key of every site. Its own
fingerprint is what sites compare among themselves, by voice: equal fingerprints mean that
the hub has shown everybody the same partners. An approval binds study and roster, so a
change of either needs a new one.

A study that sums behind masks comes with the keys themselves as well: sites verify each
other's messages with them. They add nothing to what is compared, for each has to have the
fingerprint that the roster names.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Self

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
        keys: Site name -> the raw key itself, hex, where the study sums behind masks; else
            empty.

    Raises:
        MessageRefused: If the roster is malformed, or is not the study's sites, or keys are
            not those of the roster.
    """

    study: Study
    roster: Mapping[str, str]
    keys: Mapping[str, str] = field(default_factory=dict)

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
            "the keys that it comes with are not those of its roster": bool(self.keys)
            and {name: _fingerprint(key) for name, key in self.keys.items()} != self.roster,
            "it comes with keys exactly if it sums behind masks, and this one differs": (
                bool(self.keys) == (self.study.privacy.aggregation is None)
            ),
        }
        for what, wrong in faults.items():
            if wrong:
                raise _refuse(what)

    @classmethod
    def of(cls, study: Study, keys: Mapping[str, str]) -> Self:
        """Return `study` with these sites: name -> raw Ed25519 public key, hex."""
        roster = {name: _fingerprint(key) for name, key in keys.items()}
        return cls(study=study, roster=roster, keys=keys if study.privacy.aggregation else {})

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the roster: what sites compare among themselves, 64 hex digits."""
        return canonical_hash({"format": "modelward-roster/1", "sites": dict(self.roster)})

    def body(self) -> dict[str, Json]:
        """Return the agreement as the body of a proposal."""
        keys: dict[str, Json] = {"keys": dict(self.keys)} if self.keys else {}
        terms = self.study.model_dump(mode="json")
        return {"terms": terms, "roster": dict(self.roster), **keys}


def from_body(body: Mapping[str, Any]) -> Agreement:
    """Return the agreement in the body of a proposal.

    Raises:
        MessageRefused: If it is not one, or asks for what is not installed here.
    """
    keys = body.get("keys", {})
    tables = isinstance(body.get("roster"), Mapping) and isinstance(keys, Mapping)
    if not tables or set(body) - {"keys"} != {"terms", "roster"}:
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
    return Agreement(study=study, roster=dict(body["roster"]), keys=dict(keys))


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _fingerprint(key: object) -> str:
    """Return the SHA-256 of a raw key in hex; "" if it is none."""
    return sha256(bytes.fromhex(str(key))).hexdigest() if _matches(_FINGERPRINT, key) else ""


def _refuse(found: str) -> MessageRefused:
    return MessageRefused(
        f"a proposal is refused: {found}",
        why="a site approves one study with one list of partners, both written out in full",
        remedy="ask the hub to correct the study and propose it again",
    )
