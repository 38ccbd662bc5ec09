#!/usr/bin/env python3
"""Check the ledger of a hospital, with nothing of Modelward installed.

    python verify_ledger.py LEDGER --key KEY [--held CHECKPOINT] [--witness KEY ...] [--need K]

LEDGER is the folder with `entries.jsonl` and `checkpoints`. KEY is the site's public key, or
a file with it; get it from the site's data officer, not from the folder. Needs Python 3.11
and the package `cryptography`, for Ed25519. Exit 0 only if everything holds:

  1. every checkpoint is signed by KEY, and their sizes grow;
  2. every entry is one line of canonical JSON (RFC 8785), numbered without a gap;
  3. for every checkpoint, the Merkle tree (RFC 9162) over its first N entries has its root,
     and no entry lies beyond the last one;
  4. with --held: the ledger still holds what that checkpoint, kept elsewhere, states. Without
     it, a ledger that was cut back with its checkpoints looks like a younger one;
  5. with --witness: K of these parties (all, if not said) cosigned the held checkpoint, or
     without --held the one in the folder's file `witnessed`.

Otherwise exit 1, and one line names the first entry or checkpoint that does not hold. Written
from docs/formats/ledger.md and docs/formats/cosignature.md, not from Modelward's own verifier;
tests hold both to the same verdicts.
"""

import argparse
import base64
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

NOTE, COSIGNATURE = b"\x01", b"\x04"  # signature types of C2SP signed-note
LARGEST = 2**53 - 1  # integers that every JSON reader keeps
LONGEST = 65_535  # bytes of an entry
LAST_TIME = 253_402_300_799  # 9999-12-31T23:59:59Z


class Bad(Exception):
    """The ledger does not hold; the text says where."""


class Key(NamedTuple):
    """A party's name and its raw Ed25519 public key."""

    name: str
    raw: bytes

    def id(self, kind: bytes) -> bytes:
        """Return the key id, which depends on what is signed."""
        return sha256(self.name.encode() + b"\n" + kind + self.raw).digest()[:4]


class Checkpoint(NamedTuple):
    """The state of a ledger: so many entries, this root."""

    size: int
    root: bytes


def read_key(source: str) -> Key:
    """Read `name+keyid+base64(type, key)`, as text or from a file."""
    if Path(source).is_file():
        source = Path(source).read_text(encoding="utf-8", errors="replace").removesuffix("\n")
    name, _, rest = source.partition("+")
    key_id, _, encoded = rest.partition("+")
    typed = decode(encoded)
    if is_name(name) and typed and typed[:1] in {NOTE, COSIGNATURE} and len(typed) == 33:
        key = Key(name, typed[1:])
        if key.id(typed[:1]).hex() == key_id:
            return key
    raise Bad(f"not a verifier key: {source[:120]}")


def decode(text: str) -> bytes | None:
    """Decode base64, or return None unless it is the one spelling of its bytes."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return raw if base64.b64encode(raw).decode() == text else None


def is_name(name: str) -> bool:
    """Return whether a note may name a signer so."""
    return bool(name) and name.isprintable() and " " not in name and "+" not in name


def split_note(note: bytes) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """Return the text of a signed note and its signatures: name, key id, signature."""
    try:
        head, divider, tail = note.decode().rpartition("\n\n")
    except UnicodeDecodeError:
        raise Bad("it is not UTF-8") from None
    if not divider or not tail.endswith("\n"):
        raise Bad("there are no signature lines after an empty line")
    if not head.replace("\n", "").isprintable():
        raise Bad("the text holds control characters")
    signatures = []
    for line in tail.removesuffix("\n").split("\n"):
        name, _, encoded = line.removeprefix("— ").partition(" ")
        raw = decode(encoded)
        if not line.startswith("— ") or not is_name(name) or raw is None or len(raw) < 5:
            raise Bad(f"not a signature line: {line[:80]!r}")
        signatures.append((name, raw[:4], raw[4:]))
    if len(signatures) > 100:
        raise Bad("more than 100 signatures")
    return head + "\n", signatures


def signed_by(key: Key, signature: bytes, message: bytes) -> bool:
    """Return whether the signature is good."""
    try:
        Ed25519PublicKey.from_public_bytes(key.raw).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def read_checkpoint(note: bytes, key: Key) -> Checkpoint:
    """Check the signature of a checkpoint and return what it states."""
    text, signatures = split_note(note)
    ours = [
        raw for name, key_id, raw in signatures if (name, key_id) == (key.name, key.id(NOTE))
    ]
    if not ours:
        raise Bad(f"the note carries no signature by {key.name}")
    if not all(signed_by(key, raw, text.encode()) for raw in ours):
        raise Bad(f"a signature by {key.name} does not fit its text")
    lines = text.split("\n")
    if len(lines) == 4 and lines[1].isascii() and lines[1].isdigit() and len(lines[1]) <= 15:
        root = decode(lines[2])
        if lines[0] == key.name and lines[1] == str(int(lines[1])) and root and len(root) == 32:
            return Checkpoint(int(lines[1]), root)
    raise Bad(f"not the body of a checkpoint of {key.name}: {text[:120]!r}")


def cosigned_at(note: bytes, witness: Key) -> int | None:
    """Return when a witness cosigned a checkpoint (POSIX seconds), or None."""
    text, signatures = split_note(note)
    times = []
    for name, key_id, raw in signatures:
        if (name, key_id) == (witness.name, witness.id(COSIGNATURE)):
            seconds = int.from_bytes(raw[:8], "big")
            message = f"cosignature/v1\ntime {seconds}\n{text}".encode()
            if len(raw) <= 8 or seconds > LAST_TIME or not signed_by(witness, raw[8:], message):
                raise Bad(f"a cosignature by {name} does not fit its checkpoint")
            times.append(seconds)
    return max(times, default=None)


def read_history(raw: bytes, key: Key) -> list[Checkpoint]:
    """Check every checkpoint; each is a note followed by one empty line."""
    parts = raw.split(b"\n\n")
    if len(parts) < 3 or len(parts) % 2 == 0 or parts.pop():
        raise Bad(f"the checkpoint history is cut off after {len(parts) // 2} checkpoints")
    history: list[Checkpoint] = []
    for number, (text, signatures) in enumerate(zip(parts[::2], parts[1::2], strict=True), 1):
        try:
            found = read_checkpoint(text + b"\n\n" + signatures + b"\n", key)
        except Bad as error:
            raise Bad(f"checkpoint {number} does not hold: {error}") from None
        if history and found.size <= history[-1].size:
            raise Bad(
                f"checkpoint {number} has {found.size} entries after one of {history[-1].size}"
            )
        history.append(found)
    return history


def seq_of(line: bytes) -> int:
    """Return the number of an entry after checking that its line has the one spelling."""
    if not line.endswith(b"\n"):
        raise Bad("it has no end")
    if len(line) > LONGEST + 1:
        raise Bad(f"it has {len(line) - 1:,} bytes, at most {LONGEST:,} are allowed")
    try:
        entry = json.loads(line[:-1].decode())
        spelled = canonical(entry).encode()
    except (ValueError, RecursionError) as error:
        raise Bad(f"it is not canonical JSON: {error}") from None
    if not isinstance(entry, dict) or type(entry.get("seq")) is not int:
        raise Bad("it is not a table with an integer seq")
    if spelled + b"\n" != line:  # also when a key was there twice: one of them is gone
        raise Bad("it is not in canonical form (RFC 8785)")
    return int(entry["seq"])


def canonical(value: object) -> str:
    """Return the canonical JSON of a value (RFC 8785, section 3.2)."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        return (
            "{"
            + ",".join(f"{canonical(name)}:{canonical(value[name])}" for name in names)
            + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, float):
        return number(value)
    if type(value) is int and abs(value) > LARGEST:
        raise ValueError("an integer beyond 2^53 - 1")
    return json.dumps(value, ensure_ascii=False)


def number(value: float) -> str:
    """Spell a float as ECMAScript does (RFC 8785, section 3.2.2.3)."""
    if not isfinite(value):
        raise ValueError("a number that is not finite")
    if value == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    text, point = "".join(map(str, digits)), len(digits) + int(exponent)
    if 0 < point <= 21:
        text = text.ljust(point, "0")
        spelled = text[:point] + ("." + text[point:] if text[point:] else "")
    elif -6 < point <= 0:
        spelled = "0." + "0" * -point + text
    else:
        fraction = "." + text[1:] if text[1:] else ""
        spelled = f"{text[0]}{fraction}e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return ("-" if sign else "") + spelled


class Tree:
    """A Merkle tree, kept as the roots of its complete subtrees, largest first."""

    def __init__(self) -> None:
        self.size, self.peaks = 0, list[bytes]()

    def add(self, entry: bytes) -> None:
        """Add one entry at the right."""
        head, size = sha256(b"\x00" + entry).digest(), self.size
        while size & 1:
            head, size = sha256(b"\x01" + self.peaks.pop() + head).digest(), size >> 1
        self.peaks.append(head)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over all entries so far."""
        if not self.peaks:
            return sha256(b"").digest()
        head = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            head = sha256(b"\x01" + peak + head).digest()
        return head


def root_over(path: Path, size: int) -> bytes:
    """Return the root over the first `size` lines, whatever they hold."""
    tree = Tree()
    with path.open("rb") as lines:
        for line in lines:
            if tree.size == size:
                break
            tree.add(line.removesuffix(b"\n"))
    return tree.root()


def check_entries(path: Path, history: list[Checkpoint]) -> None:
    """Hold every entry against every checkpoint."""
    tree, good = Tree(), 0
    with path.open("rb") as lines:
        for state in history:
            while tree.size < state.size:
                add_next(tree, lines, state)
            if tree.root() != state.root:
                last = history[-1]
                if state != last and root_over(path, last.size) == last.root:
                    raise Bad(
                        f"the checkpoint of {state.size} entries is of another history than"
                        " the last one: the key signed two"
                    )
                named = f"entry {good} (line {good + 1})"
                if state.size - good > 1:
                    named = f"one of entries {good} to {state.size - 1}"
                raise Bad(f"{named} was changed: the checkpoint of {state.size} does not fit")
            good = state.size
        if next(lines, b""):
            raise Bad(f"line {good + 1} and what follows is under no checkpoint")


def add_next(tree: Tree, lines: Iterator[bytes], state: Checkpoint) -> None:
    """Take one more line into the tree; it must be the entry that is due."""
    line, due = next(lines, b""), tree.size
    if not line:
        raise Bad(f"the tail is cut off from entry {due} on; {state.size} were signed")
    try:
        seq = seq_of(line)
    except Bad as error:
        raise Bad(f"entry {due} was damaged, line {due + 1}: {error}") from None
    if seq != due:
        raise Bad(f"entry {due} is not on its line: line {due + 1} holds entry {seq}")
    tree.add(line[:-1])


def check(folder: Path, key: Key, held: bytes | None, witnesses: list[Key], need: int) -> str:
    """Check everything and return what holds, in words."""
    history = read_history((folder / "checkpoints").read_bytes(), key)
    check_entries(folder / "entries.jsonl", history)
    last = history[-1]
    said = f"ok: {last.size} entries of {key.name}, root {last.root.hex()}"
    if witnesses and held is None:
        held = (folder / "witnessed").read_bytes()
    if held is None:
        return said
    kept = read_checkpoint(held, key)
    times = {each.name: cosigned_at(held, each) for each in witnesses}
    seen = {name: time for name, time in times.items() if time is not None}
    parties = [key, *witnesses]
    names, keys = {each.name for each in parties}, {each.raw for each in parties}
    if not len(parties) == len(names) == len(keys):
        raise Bad("the witnesses are not distinct from each other and from the ledger")
    if len(seen) < need:
        raise Bad(f"{len(seen)} of {len(witnesses)} witnesses cosigned, {need} are needed")
    if kept.size > last.size:
        raise Bad(
            f"the ledger ends at {last.size} entries, and the checkpoint you hold covers"
            f" {kept.size}: its tail was cut off"
        )
    if root_over(folder / "entries.jsonl", kept.size) != kept.root:
        raise Bad(f"the first {kept.size} entries are not those of the checkpoint you hold")
    for name, seconds in seen.items():
        said += f"\nseen: {kept.size} entries by {name} at "
        said += datetime.fromtimestamp(seconds, UTC).isoformat()
    return said


def main() -> int:
    """Read the arguments, check, print; return the exit code."""
    parser = argparse.ArgumentParser(description="Check the ledger of a hospital.")
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--key", required=True)
    parser.add_argument("--held", type=Path)
    parser.add_argument("--witness", action="append", default=[])
    parser.add_argument("--need", type=int)
    asked = parser.parse_args()
    try:
        witnesses = [read_key(each) for each in asked.witness]
        held = asked.held.read_bytes() if asked.held else None
        need = len(witnesses) if asked.need is None else asked.need
        print(check(asked.ledger, read_key(asked.key), held, witnesses, need))
    except (Bad, OSError) as error:
        print(f"DOES NOT HOLD: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
