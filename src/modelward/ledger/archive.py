"""A ledger on disk, read from outside: to prove an entry, to list entries, to publish tiles.

Tiles follow C2SP tlog-tiles (c2sp.org/tlog-tiles), so that tools for other transparency
logs read them:

    checkpoint                    the last one, with its cosignatures if it has any
    tile/<L>/<N>[.p/<W>]          256 hashes of level L; fewer at the right end, W of them
    tile/entries/<N>[.p/<W>]      256 entries, each after its length in 16 bits

Nothing is proven or published from a folder that does not have the root of its checkpoint.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from modelward.core.canonical import Json
from modelward.durable import make_folder, write_whole
from modelward.errors import LedgerBroken
from modelward.ledger import checkpoint, entry
from modelward.ledger.checkpoint import Checkpoint
from modelward.ledger.log import CHECKPOINTS, ENTRIES
from modelward.ledger.merkle import leaf_hash
from modelward.ledger.note import VerifierKey
from modelward.ledger.proof import Proof
from modelward.ledger.tree import Tree
from modelward.ledger.witnessed import kept

_WIDTH = 256
_LEVEL_BITS = 8
_LENGTH = struct.Struct(">H")


@dataclass(frozen=True, slots=True)
class Archive:
    """A ledger whose entries have the root of a signed checkpoint.

    Attributes:
        folder: Where it lies.
        tree: The tree over the entries under the checkpoint.
        signed: Note of the checkpoint.
        state: What it says.
    """

    folder: Path
    tree: Tree
    signed: bytes
    state: Checkpoint

    def lines(self) -> Iterator[bytes]:
        """Yield the entries under the checkpoint, without newlines."""
        with (self.folder / ENTRIES).open("rb") as file:
            for line in islice(file, self.state.size):
                yield line.removesuffix(b"\n")

    def prove(self, index: int) -> Proof:
        """Return the proof of entry `index`.

        Raises:
            LedgerBroken: If there is no such entry.
        """
        path = self.tree.inclusion_path(index)
        line = next(islice(self.lines(), index, None))
        return Proof(index, path, self.signed, line)

    def entries(self) -> Iterator[Mapping[str, Json]]:
        """Yield the entries in order, each as far as it can be read."""
        return map(entry.glance, self.lines())

    def releases(self, sha256: str) -> list[int]:
        """Return the places of the entries that name the artifact or model `sha256`."""
        return [
            seq
            for seq, said in enumerate(self.entries())
            if said.get("sha256") == sha256 and said.get("kind") in {"release", "receipt"}
        ]


def read(folder: Path, key: VerifierKey, *, witnessed: bool = False) -> Archive:
    """Read the ledger in `folder` and hold it against its last checkpoint.

    Args:
        folder: Where it lies.
        key: The site's key.
        witnessed: Take the last *cosigned* checkpoint instead, if there is one.

    Raises:
        LedgerBroken: If files are missing or the entries do not have the root.
    """
    try:
        notes, _ = checkpoint.split_history((folder / CHECKPOINTS).read_bytes())
        signed = (kept(folder) if witnessed else None) or (notes[-1] if notes else b"")
        state = checkpoint.read(signed, key)
        found = Archive(folder, Tree(), signed, state)
        for line in found.lines():
            found.tree.append(leaf_hash(line))
    except OSError as error:
        raise LedgerBroken(
            f"{error.filename} cannot be read: {error.strerror}",
            why=f"a ledger is the files {ENTRIES} and {CHECKPOINTS} in one folder",
            remedy="give the folder of the ledger, and ask for the missing file",
        ) from error
    if (found.tree.size, found.tree.root) != (state.size, state.root):
        raise LedgerBroken(
            f"{folder} does not hold the {state.size} entries that were signed",
            why="nothing is proven from a ledger that does not verify",
            remedy="run `modelward ledger verify` on the folder to find the place",
        )
    return found


def export(archive: Archive, out: Path) -> int:
    """Write the tiles of a ledger into `out`; the checkpoint comes last.

    Returns:
        The number of files.

    Raises:
        StorageError: If they cannot be written.
    """
    files = 0
    for path, content in _files(archive):
        make_folder((out / path).parent)
        write_whole(out / path, content)
        files += 1
    return files


def tile_path(level: int | str, index: int, width: int) -> str:
    """Return the path of a tile: groups of three digits, all but the last led by `x`."""
    digits = f"{index:d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    place = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return f"tile/{level}/{place}" + (f".p/{width}" if width < _WIDTH else "")


def _files(archive: Archive) -> Iterator[tuple[str, bytes]]:
    """Yield every file of the tiles, with its path."""
    lines = archive.lines()
    for index, start in enumerate(range(0, archive.state.size, _WIDTH)):
        bundle = list(islice(lines, min(_WIDTH, archive.state.size - start)))
        content = b"".join(_LENGTH.pack(len(line)) + line for line in bundle)
        yield tile_path("entries", index, len(bundle)), content
    level = 0
    while count := archive.state.size >> (_LEVEL_BITS * level):
        for index, start in enumerate(range(0, count, _WIDTH)):
            stop = min(start + _WIDTH, count)
            hashes = [archive.tree.node(_LEVEL_BITS * level, at) for at in range(start, stop)]
            yield tile_path(level, index, stop - start), b"".join(hashes)
        level += 1
    yield "checkpoint", archive.signed
