#!/usr/bin/env python3
"""Check the ledger of a hospital, with nothing of Modelward installed.

    python verify_ledger.py LEDGER --key KEY [--held CHECKPOINT] [--witness KEY ...] [--need K]
    python verify_ledger.py PROOF  --key KEY [--held CHECKPOINT] [--witness KEY ...] [--need K]

KEY is the site's public key, or a file with it, from the site's data officer and not from the
folder. Needs Python 3.11 and the package `cryptography`, for Ed25519. Exit 0 only if
everything holds. Of a LEDGER, the folder with `entries.jsonl` and `checkpoints`:
  1. every checkpoint is signed by KEY, and their sizes grow;
  2. every entry is one line of canonical JSON (RFC 8785), numbered without a gap;
  3. for every checkpoint, the Merkle tree (RFC 9162) over its first N entries has its root,
     and no entry lies beyond the last one;
  4. with --held: the ledger still holds what that checkpoint, kept elsewhere, states. Without
     it, a ledger that was cut back with its checkpoints looks like a younger one;
  5. with --witness: K of these parties (all, if not said) cosigned the held checkpoint, or
     without --held the one in the folder's file `witnessed`.
A PROOF is a file that the site made with `modelward ledger prove`. One of an entry: the entry
is printed, in the tree of a checkpoint signed by KEY and cosigned by K of the witnesses. One
of growth: the ledger of --held is, entry by entry, the beginning of the one of the checkpoint
in the file, both signed by KEY and the newer cosigned by K of the witnesses.

Otherwise exit 1, and one line names the first entry or checkpoint that does not hold. Format:
docs/formats/ledger.md and cosignature.md.
"""

import argparse
import base64
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

NOTE, COSIGNATURE = b"\x01", b"\x04"  # signature types of C2SP signed-note
LARGEST, LONGEST = 2**53 - 1, 65_535  # an integer in JSON; bytes of an entry
BLOCK, SHAPES = 1024, 64  # lines hashed together; patterns of lines that are remembered
LARGEST_PROOF, DEEPEST = 2**18, 64  # bytes; lists and tables in each other
State = tuple[int, bytes]  # what a checkpoint states: number of entries, root of the tree
EMPTY = 0, sha256(b"").digest()  # RFC 9162, 2.1.1
KEY = re.compile(r"([^ +]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)")
BODY = re.compile(r"(.+)\n(0|[1-9][0-9]{0,14})\n([A-Za-z0-9+/]{43}=)\n")
SIGNATURE = re.compile(r"— ([^ +]+) ([A-Za-z0-9+/=]+)")
PLAIN = rb'"[ !#-\[\]-~]*+"'  # a string that has one spelling in JSON
WHOLE = rb"(?>0|-?[1-9][0-9]{0,14})"  # an integer that has one
ENTRY_PROOF = re.compile(
    rb"c2sp\.org/tlog-proof@v1\nextra ([A-Za-z0-9+/]+=*)\nindex (0|[1-9][0-9]{0,14})\n"
    rb"((?:[A-Za-z0-9+/]{43}=\n){0,63})\n(.+)",
    re.DOTALL,
)
GROWTH_PROOF = re.compile(
    rb"old (0|[1-9][0-9]{0,14})\n((?:[A-Za-z0-9+/]{43}=\n){0,63})\n(.+)", re.DOTALL
)


class Bad(ValueError):
    """The ledger does not hold; the text says where."""


class Key(NamedTuple):
    """A party's name and its raw Ed25519 public key."""

    name: str
    raw: bytes

    def id(self, kind: bytes) -> bytes:
        """Return the key id, which depends on what is signed."""
        return sha256(self.name.encode() + b"\n" + kind + self.raw).digest()[:4]


def read_key(source: str) -> Key:
    """Read `name+keyid+base64(type, key)`, as text or from a file."""
    if Path(source).is_file():
        source = Path(source).read_text(encoding="utf-8", errors="replace").removesuffix("\n")
    found = KEY.fullmatch(source)
    typed = decode(found[3]) if found else None
    if found and typed and typed[:1] in {NOTE, COSIGNATURE} and len(typed) == 33:
        key = Key(found[1], typed[1:])
        if key.name.isprintable() and key.id(typed[:1]).hex() == found[2]:
            return key
    raise Bad(f"not a verifier key: {source[:120]}")


def decode(text: str) -> bytes | None:
    """Decode base64, or return None unless it is the one spelling of its bytes."""
    with suppress(ValueError):
        raw = base64.b64decode(text, validate=True)
        return raw if base64.b64encode(raw).decode() == text else None
    return None


def signatures_by(key: Key, kind: bytes, note: bytes) -> tuple[str, list[bytes]]:
    """Return the text of a signed note and the signatures that claim to be by a key."""
    try:
        head, divider, tail = note.decode().rpartition("\n\n")
    except UnicodeDecodeError:
        raise Bad("it is not UTF-8") from None
    plain = head.replace("\n", "").isprintable() and tail.endswith("\n") and len(note) <= 2**16
    if not plain or not divider or tail.count("\n") > 100:
        raise Bad("it is not a text, an empty line and at most 100 signature lines")
    claimed = []
    for line in tail.removesuffix("\n").split("\n"):
        found = SIGNATURE.fullmatch(line)
        raw = decode(found[2]) if found and found[1].isprintable() else None
        if not found or raw is None or len(raw) < 5:
            raise Bad(f"not a signature line: {line[:80]!r}")
        claimed += [raw[4:]] if (found[1], raw[:4]) == (key.name, key.id(kind)) else []
    return head + "\n", claimed


def check_signature(key: Key, signature: bytes, message: str) -> None:
    """Check one signature."""
    try:
        public(key.raw).verify(signature, message.encode())
    except InvalidSignature:
        raise Bad(f"a signature by {key.name} does not fit its text") from None


@lru_cache
def public(raw: bytes) -> Ed25519PublicKey:
    """Return a public key, made once."""
    return Ed25519PublicKey.from_public_bytes(raw)


def read_checkpoint(note: bytes, key: Key) -> State:
    """Check the signature of a checkpoint and return what it states."""
    text, signatures = signatures_by(key, NOTE, note)
    for signature in signatures:
        check_signature(key, signature, text)
    found = BODY.fullmatch(text)
    root = decode(found[3]) if found else None
    if not signatures or not found or found[1] != key.name or root is None:
        raise Bad(f"not a checkpoint signed by {key.name}: {text[:120]!r}")
    return int(found[2]), root


def read_history(path: Path, key: Key) -> list[State]:
    """Check every checkpoint; each is a note followed by one empty line."""
    parts = path.read_bytes().split(b"\n\n")
    if len(parts) < 3 or len(parts) % 2 == 0 or parts.pop():
        raise Bad(f"the checkpoint history is cut off after {len(parts) // 2} checkpoints")
    history: list[State] = []
    for number, (text, signatures) in enumerate(zip(parts[::2], parts[1::2], strict=True), 1):
        try:
            found = read_checkpoint(text + b"\n\n" + signatures + b"\n", key)
        except Bad as error:
            raise Bad(f"checkpoint {number} does not hold: {error}") from None
        if history and found[0] <= history[-1][0]:
            raise Bad(f"checkpoint {number} has {found[0]} entries, not more than before")
        history.append(found)
    return history


class Lines:
    """Reads lines of a ledger, most of which look alike.

    A line that passed the full check leaves a pattern behind, in which only values vary that
    have one spelling by their alphabet. Another line that fits it from end to end is canonical
    too; one that fits none gets the full check, which takes thirty times as long.
    """

    def __init__(self) -> None:
        self.known, self.count = defaultdict[int, list[re.Pattern[bytes]]](list), 0

    def seq_of(self, line: bytes) -> int:
        """Return the number of an entry, checking that its line has the one spelling."""
        alike = self.known[line.count(b'"')]
        for pattern in alike if len(line) <= LONGEST + 1 else ():
            if found := pattern.fullmatch(line):
                return int(found[1])
        entry = entry_of(line)
        if self.count < SHAPES:
            alike.append(re.compile(pattern_of(entry, top=True) + rb"\n"))
            self.count += 1
        return int(str(entry["seq"]))


def pattern_of(value: object, *, top: bool = False) -> bytes:
    """Return the pattern of a value that was read from a canonical line."""
    if isinstance(value, dict):
        pairs = [
            re.escape(canonical(name).encode())
            + b":"
            + (b"(" + WHOLE + b")" if top and name == "seq" else pattern_of(inner))
            for name, inner in value.items()
        ]
        return rb"\{" + b",".join(pairs) + rb"\}"
    if isinstance(value, list):
        return rb"\[" + b",".join(map(pattern_of, value)) + rb"\]"
    if isinstance(value, str) or type(value) is int:
        return PLAIN if isinstance(value, str) else WHOLE
    return re.escape(canonical(value).encode())


def entry_of(line: bytes) -> dict[str, object]:
    """Return an entry after checking that its line has the one spelling."""
    if not line.endswith(b"\n") or len(line) > LONGEST + 1:
        raise Bad("it has no end, or one too late")
    try:
        entry = json.loads(line[:-1].decode())
        spelled = canonical(entry).encode()
    except (ValueError, RecursionError) as error:
        raise Bad(f"it is not canonical JSON: {error}") from None
    if spelled + b"\n" != line:  # also when a key was there twice: one of them is gone
        raise Bad("it is not in canonical form (RFC 8785)")
    if not isinstance(entry, dict) or type(entry.get("seq")) is not int:
        raise Bad("it is not a table with an integer seq")
    return entry


def canonical(value: object, depth: int = 0) -> str:
    """Return the canonical JSON of a value (RFC 8785, section 3.2)."""
    if isinstance(value, dict | list) and depth == DEEPEST:
        raise ValueError(f"nested more than {DEEPEST} deep")
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        pairs = (f"{canonical(name)}:{canonical(value[name], depth + 1)}" for name in names)
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(canonical(each, depth + 1) for each in value) + "]"
    if isinstance(value, float):
        return number(value)
    if type(value) is int and abs(value) > LARGEST:
        raise ValueError("an integer beyond 2^53 - 1")
    return json.dumps(value, ensure_ascii=False)


def number(value: float) -> str:
    """Spell a float as ECMAScript does (RFC 8785, section 3.2.2.3)."""
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    text, point, power = "".join(map(str, digits)), len(digits) + int(exponent), ""
    if -6 < point <= 0:
        text, point = "0" * (1 - point) + text, 1
    elif not 0 < point <= 21:
        point, power = 1, f"e{point - 1:+d}"
    whole, rest = text[:point].ljust(point, "0"), text[point:]
    return "-" * sign + whole + ("." + rest if rest else "") + power


class Tree:
    """A Merkle tree, kept as the roots of its complete subtrees, largest first."""

    def __init__(self) -> None:
        self.size, self.peaks = 0, list[bytes]()

    def add(self, leaves: list[bytes]) -> None:
        """Add leaf hashes at the right, in aligned blocks that are hashed level by level."""
        at = 0
        while at < len(leaves):
            whole = 1 << ((len(leaves) - at).bit_length() - 1)
            width = min(self.size & -self.size or BLOCK, whole, BLOCK)
            level = leaves[at : at + width]
            while len(level) > 1:
                pairs = zip(level[::2], level[1::2], strict=True)
                level = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
            head, place = level[0], self.size // width
            while place & 1:
                head, place = node(self.peaks.pop(), head), place >> 1
            self.peaks.append(head)
            self.size, at = self.size + width, at + width

    def root(self) -> bytes:
        """Return the root over all entries so far."""
        head = self.peaks[-1] if self.peaks else EMPTY[1]
        for peak in reversed(self.peaks[:-1]):
            head = node(peak, head)
        return head


def leaf(entry: bytes) -> bytes:
    """Hash an entry (RFC 9162, 2.1.1)."""
    return sha256(b"\x00" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    """Hash two children (RFC 9162, 2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


def lines_of(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file; of one that is too long for an entry, pieces."""
    with path.open("rb") as file:
        while line := file.readline(LONGEST + 2):
            yield line


def root_over(path: Path, size: int) -> bytes:
    """Return the root over the first `size` lines, whatever they hold."""
    tree, lines = Tree(), lines_of(path)
    while block := list(islice(lines, min(BLOCK, size - tree.size))):
        tree.add([leaf(line.removesuffix(b"\n")) for line in block])
    return tree.root()


def check_entries(path: Path, history: list[State]) -> None:
    """Hold every entry against every checkpoint."""
    tree, good, known, lines = Tree(), 0, Lines(), lines_of(path)
    for size, root in history:
        while tree.size < size:
            block = list(islice(lines, min(BLOCK, size - tree.size)))
            if not block:
                raise Bad(f"the tail is cut off from entry {tree.size} on; {size} were signed")
            check_block(block, tree.size, known)
            tree.add([leaf(line[:-1]) for line in block])
        if tree.root() != root:
            if size != history[-1][0] and root_over(path, history[-1][0]) == history[-1][1]:
                raise Bad(f"the checkpoint of {size} entries is of another history")
            several = f"one of entries {good} to {size - 1}"
            place = several if size - good > 1 else f"entry {good}"
            raise Bad(f"{place} was changed: the checkpoint of {size} does not fit")
        good = size
    if next(lines, b""):
        raise Bad(f"line {good + 1} and what follows is under no checkpoint")


def check_block(block: list[bytes], first: int, known: Lines) -> None:
    """Check that lines hold the entries that are due, `first` and on."""
    for due, line in enumerate(block, first):
        try:
            seq = known.seq_of(line)
        except Bad as error:
            raise Bad(f"entry {due} was damaged, line {due + 1}: {error}") from None
        if seq != due:
            raise Bad(f"entry {due} is not on its line: line {due + 1} holds entry {seq}")


def climb(first: int, second: int, head: bytes, path: list[bytes]) -> tuple[bytes, bytes]:
    """Return the roots of the older and the newer tree that a path leads to from a node.

    The steps of RFC 9162, 2.1.4.2 (and of 2.1.3.2, where only the newer root counts).
    """
    older = newer = head
    for step in path:
        if second == 0:
            return b"", b""
        if first & 1 or first == second:
            older, newer = node(step, older), node(step, newer)
            while first and not first & 1:
                first, second = first >> 1, second >> 1
        else:
            newer = node(newer, step)
        first, second = first >> 1, second >> 1
    return (older, newer) if second == 0 else (b"", b"")


def check_inclusion(head: bytes, index: int, path: list[bytes], state: State) -> None:
    """Check that a leaf hash stands at a place of a tree (RFC 9162, 2.1.3.2)."""
    if index >= state[0] or climb(index, state[0] - 1, head, path)[1] != state[1]:
        raise Bad(f"entry {index} is not shown to be in the tree of {state[0]} entries")


def check_growth(old: State, new: State, path: list[bytes]) -> None:
    """Check that the tree `new` starts with the tree `old` (RFC 9162, 2.1.4.2)."""
    holds = not path and (old == new or (old == EMPTY and new[0] > 0))
    if path and 0 < old[0] < new[0]:
        first, second = old[0] - 1, new[0] - 1
        steps = path if old[0] & first else [old[1], *path]
        while first & 1:
            first, second = first >> 1, second >> 1
        holds = climb(first, second, steps[0], steps[1:]) == (old[1], new[1])
    if not holds:
        raise Bad(f"the ledger of {new[0]} entries is not shown to extend the one of {old[0]}")


def seen_by(note: bytes, key: Key, witnesses: list[Key], need: int) -> list[str]:
    """Check that `need` of the witnesses cosigned; return who did and when, in words."""
    names, keys = map(set, zip(key, *witnesses, strict=True))
    if not len(names) == len(keys) == len(witnesses) + 1:
        raise Bad("the witnesses are not distinct from each other and from the ledger")
    seen = {}
    for witness in witnesses:
        text, signatures = signatures_by(witness, COSIGNATURE, note)
        for raw in signatures:
            at = int.from_bytes(raw[:8], "big")
            check_signature(witness, raw[8:], f"cosignature/v1\ntime {at}\n{text}")
            seen[witness.name] = f"{witness.name} at {datetime.fromtimestamp(at, UTC)}"
    if len(seen) < need:
        raise Bad(f"{len(seen)} of {len(witnesses)} witnesses cosigned, {need} are needed")
    return list(seen.values())


def check(folder: Path, key: Key, note: bytes | None, witnesses: list[Key], need: int) -> str:
    """Check a whole ledger and return what holds, in words."""
    entries, history = folder / "entries.jsonl", read_history(folder / "checkpoints", key)
    check_entries(entries, history)
    size, root = history[-1]
    said = f"ok: {size} entries of {key.name}, root {root.hex()}"
    if note is None and not witnesses:
        return said
    note = (folder / "witnessed").read_bytes() if note is None else note
    held, held_root = read_checkpoint(note, key)
    seen = seen_by(note, key, witnesses, need)
    if held > size:
        raise Bad(f"the ledger ends at {size} entries, the held checkpoint covers {held}")
    if root_over(entries, held) != held_root:
        raise Bad(f"the first {held} entries are not those of the held checkpoint")
    return said + "".join(f"\nseen: {held} entries by {each}" for each in seen)


def check_proof(raw: bytes, key: Key, held: bytes | None, keys: list[Key], need: int) -> str:
    """Check a proof of an entry, or with a held checkpoint one of growth; say what holds."""
    found = (ENTRY_PROOF if held is None else GROWTH_PROOF).fullmatch(raw)
    if not found or len(raw) > LARGEST_PROOF:
        what = "an entry" if held is None else "growth (that of an entry goes without --held)"
        raise Bad(f"these bytes are not a proof of {what}")
    *_, place, hashes, note = found.groups()
    path = [decode(each) for each in hashes.decode().split()]
    state, steps = read_checkpoint(note, key), [each for each in path if each is not None]
    seen = "".join(f"\nseen: {state[0]} entries by {e}" for e in seen_by(note, key, keys, need))
    if len(steps) < len(path):
        raise Bad("a hash of the path is not base64 in its one spelling")
    if held is not None:
        old = read_checkpoint(held, key)
        if int(place) != old[0]:
            raise Bad(f"the proof starts at {int(place)} entries, you hold {old[0]}")
        check_growth(old, state, steps)
        return f"ok: {state[0]} entries of {key.name} extend the {old[0]} you hold{seen}"
    line, index = decode(found[1].decode()), int(place)
    entry = entry_of((line or b"") + b"\n")
    if entry["seq"] != index:
        raise Bad(f"entry {entry['seq']} stands at place {index}")
    check_inclusion(leaf(line or b""), index, steps, state)
    return f"ok: entry {index} of {state[0]} of {key.name}{seen}\n{json.dumps(entry)}"


def main() -> int:
    """Read the arguments, check, print; return the exit code."""
    parser = argparse.ArgumentParser(description="Check the ledger of a hospital.")
    parser.add_argument("ledger", type=Path, help="folder of the ledger, or file of a proof")
    parser.add_argument("--key", required=True)
    parser.add_argument("--held", type=Path)
    parser.add_argument("--witness", action="append", default=[])
    parser.add_argument("--need", type=int)
    asked = parser.parse_args()
    need = len(asked.witness) if asked.need is None else asked.need
    try:
        held = asked.held.read_bytes() if asked.held else None
        key, witnesses = read_key(asked.key), [read_key(each) for each in asked.witness]
        if asked.ledger.is_file():
            with asked.ledger.open("rb") as file:
                said = check_proof(file.read(LARGEST_PROOF + 1), key, held, witnesses, need)
        else:
            said = check(asked.ledger, key, held, witnesses, need)
        print(said)
    except (ValueError, OverflowError, OSError, MemoryError) as error:
        why = str(error)
        if isinstance(error, OSError) and error.filename:
            why = f"{error.filename} cannot be read: {error.strerror}"
        print(f"DOES NOT HOLD: {why}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
