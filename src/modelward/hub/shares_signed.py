"""A share statement as a signed file, and what it is held against.

The hub signs what shares.py makes of registry and updates; whoever has the same makes it again
and compares (`check`), and holds the registry against the ledgers of the sites
(`hold_to_ledgers`).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from modelward.core.canonical import Json, canonical_bytes, parse_strict
from modelward.core.study import Study
from modelward.errors import BadArtifact
from modelward.hub.registry import Registry
from modelward.hub.shares import FORMAT, combined, inputs_of
from modelward.ledger.log import ENTRIES
from modelward.ledger.verify import verify


def signed(said: Mapping[str, Json], key: Ed25519PrivateKey) -> bytes:
    """Return a statement as a file, signed by the hub."""
    public = key.public_key().public_bytes_raw().hex()
    body = {**said, "key": public}
    signature = key.sign(canonical_bytes(body)).hex()
    return canonical_bytes({**body, "signature": signature})


def opened(raw: bytes) -> tuple[dict[str, Any], str]:
    """Return what a statement says, and the public key under which it was signed.

    Raises:
        BadArtifact: If it is no statement, or its signature does not hold.
    """
    said: dict[str, Any] = dict(parse_strict(raw, what="share statement"))
    signature, key = str(said.pop("signature", "")), str(said.get("key", ""))
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        public.verify(bytes.fromhex(signature), canonical_bytes(said))
    except (ValueError, InvalidSignature) as error:
        raise _refuse("its signature does not hold") from error
    del said["key"]
    return said, key


def of_study(raw: bytes, registry: Registry, study: Study, key: str) -> dict[str, Any]:
    """Return what a statement says, if this hub signed it of these very answers.

    Nothing of it is computed again: that needs every site's updates (`check`).

    Args:
        raw: The file.
        registry: Of the hub.
        study: The study.
        key: The hub's raw public key, hex.

    Raises:
        BadArtifact: If it is not that.
    """
    said, signed_by = opened(raw)
    if signed_by != key:
        raise _refuse("another key than this hub's has signed it")
    if said.get("format") != FORMAT or said.get("study") != study.sha256:
        raise _refuse(
            f"it is not of {study.id} version {study.study.version}, or of another form"
        )
    if said.get("inputs") != inputs_of(combined(registry, study)):
        raise _refuse("it rests on other answers than this hub has combined")
    return said


def check(raw: bytes, again: Mapping[str, Json]) -> str:
    """Return the public key under which a statement was signed, if it is what `again` says.

    Args:
        raw: The file.
        again: What `statement` makes of the registry and artifacts at hand.

    Raises:
        BadArtifact: If it is no statement, its signature does not hold, or it says otherwise.
    """
    said, key = opened(raw)
    wrong = sorted(name for name in {*said, *again} if said.get(name) != again.get(name))
    if wrong:
        raise _refuse(f"computed again, {', '.join(wrong)} come out differently")
    return key


def hold_to_ledgers(registry: Registry, study: Study, ledgers: Mapping[str, Path]) -> int:
    """Check that every combined answer of these sites is a release in the site's own ledger.

    So nobody's update was left out of the registry, put into it, or counted with other
    patients than its gate let go. Who signed a ledger is `modelward ledger verify --key`'s.

    Args:
        registry: Of the hub that ran it.
        study: The study.
        ledgers: Site -> its ledger, as it was handed over.

    Returns:
        How many answers were found.

    Raises:
        BadArtifact: If one is not in its site's ledger as it is in the registry.
        LedgerBroken: If a ledger does not verify.
    """
    found = 0
    for site, path in ledgers.items():
        verify(path)
        lines = (path / ENTRIES).read_text("utf-8").splitlines()
        released = {
            (entry.get("task"), entry.get("sha256"), entry.get("patients"))
            for entry in map(json.loads, lines)
            if entry.get("kind") == "release"
        }
        for row in combined(registry, study):
            if row.site != site:
                continue
            if (row.task, row.sha256, row.patients) not in released:
                raise _refuse(f"{site} released no such answer in round {row.round_no}")
            found += 1
    return found


def _refuse(found: str) -> BadArtifact:
    return BadArtifact(
        f"a share statement is refused: {found}",
        why="a share is what the signed rule makes of the released updates",
        remedy="ask the hub for its registry and artifacts, and compute it again",
    )
