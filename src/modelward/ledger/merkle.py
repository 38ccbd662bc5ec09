"""Merkle tree hashing, inclusion proofs and consistency proofs.

Implements RFC 9162 (which obsoletes RFC 6962), sections 2.1.1, 2.1.3 and 2.1.4.
Names follow the RFC: MTH becomes `root`, PATH becomes `inclusion_path`, PROOF becomes
`consistency_path`. `Frontier` is the same tree, grown leaf by leaf; tree.py keeps every
hash of it, for those who prove often.
Hash: SHA-256. Leaf and node prefixes (0x00, 0x01) prevent second preimages.

Pure: bytes in, bytes out. Files are log.py's business, signatures checkpoint.py's.
"""

from collections.abc import Sequence
from hashlib import sha256

from modelward.errors import LedgerBroken

EMPTY_ROOT = sha256(b"").digest()
"""Root of a tree without leaves (RFC 9162, 2.1.1)."""

_BLOCK = 1024


def leaf_hash(entry: bytes) -> bytes:
    """Hash one ledger entry (RFC 9162, 2.1.1)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two children (RFC 9162, 2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the tree head over `leaves`, each a 32-byte leaf hash."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    split = split_of(len(leaves))
    return node_hash(root(leaves[:split]), root(leaves[split:]))


class Frontier:
    """A growing tree, kept as the roots of its complete subtrees, largest first.

    Appending costs one hash on average and at most log2(n); the root costs at most
    log2(n). A log of a million entries holds at most twenty hashes here.
    """

    def __init__(self) -> None:
        self._peaks: list[bytes] = []
        self._size = 0

    @property
    def size(self) -> int:
        """Number of leaves appended."""
        return self._size

    @property
    def root(self) -> bytes:
        """Tree head over all leaves so far; equal to `root` over the same leaves."""
        if not self._peaks:
            return EMPTY_ROOT
        head = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            head = node_hash(peak, head)
        return head

    def append(self, leaf: bytes) -> None:
        """Add one 32-byte leaf hash at the right."""
        self._add_peak(leaf, 1)

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add many leaves, hashed level by level in blocks of up to `_BLOCK`."""
        at = 0
        while at < len(leaves):
            aligned = self._size & -self._size or _BLOCK
            whole = 1 << ((len(leaves) - at).bit_length() - 1)
            width = min(aligned, whole, _BLOCK)
            level = leaves[at : at + width]
            while len(level) > 1:
                pairs = zip(level[::2], level[1::2], strict=True)
                level = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
            self._add_peak(level[0], width)
            at += width

    def _add_peak(self, peak: bytes, width: int) -> None:
        """Add the root of `width` leaves, a power of two that divides the size so far."""
        place = self._size // width
        while place & 1:  # a complete subtree of the same height stands to the left
            peak = node_hash(self._peaks.pop(), peak)
            place >>= 1
        self._peaks.append(peak)
        self._size += width


def no_such_entry(index: int, size: int) -> LedgerBroken:
    """Return the error of who asks for an entry outside a tree of `size`."""
    return LedgerBroken(
        f"there is no entry {index} in a tree of {size}",
        why="an inclusion proof exists only for entries of the tree (RFC 9162, 2.1.3.1)",
        remedy="ask for an entry below the size of the checkpoint",
    )


def cannot_extend(old_size: int, size: int) -> LedgerBroken:
    """Return the error of who asks how a tree of `size` extends one that is no prefix."""
    return LedgerBroken(
        f"a tree of {size} entries cannot extend one of {old_size}",
        why="a log only grows, so the older tree is never the larger one",
        remedy="swap the two checkpoints, or ask the site for its newest checkpoint",
    )


def inclusion_path(index: int, leaves: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the audit path of leaf `index` (from 0), leaf to root (RFC 9162, 2.1.3.1).

    Raises:
        LedgerBroken: If there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise no_such_entry(index, len(leaves))
    if len(leaves) == 1:
        return ()
    split = split_of(len(leaves))
    if index < split:
        return (*inclusion_path(index, leaves[:split]), root(leaves[split:]))
    return (*inclusion_path(index - split, leaves[split:]), root(leaves[:split]))


def verify_inclusion(
    leaf: bytes, *, index: int, size: int, path: Sequence[bytes], expected: bytes
) -> None:
    """Check that `leaf` is entry `index` of the tree of `size` leaves with root `expected`.

    The comments number the steps of RFC 9162, 2.1.3.2.

    Raises:
        LedgerBroken: If the path does not lead from the leaf to the root.
    """
    refusal = LedgerBroken(
        f"entry {index} is not shown to be in the tree of {size} with root {expected.hex()}",
        why="the audit path does not lead from the entry to the root (RFC 9162, 2.1.3.2)",
        remedy="ask the site for the entry and its path again; if it fails again, the site"
        " shows you another history than it signed",
    )
    if not 0 <= index < size:  # 1
        raise refusal
    first, second, head = index, size - 1, leaf  # 2, 3
    for step in path:  # 4
        if second == 0:
            raise refusal
        if first & 1 or first == second:
            head = node_hash(step, head)
            first, second = _climb(first, second)
        else:
            head = node_hash(head, step)
        first, second = first >> 1, second >> 1
    if second != 0 or head != expected:  # 5
        raise refusal


def consistency_path(old_size: int, leaves: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the proof that `leaves` extend their first `old_size` (RFC 9162, 2.1.4.1).

    Empty for `old_size` 0 (every tree extends the empty one) and `len(leaves)` (same tree).

    Raises:
        LedgerBroken: If `old_size` is not between 0 and `len(leaves)`.
    """
    if not 0 <= old_size <= len(leaves):
        raise cannot_extend(old_size, len(leaves))
    return _subproof(old_size, leaves, whole=True) if old_size else ()


def verify_consistency(
    old: tuple[int, bytes], new: tuple[int, bytes], path: Sequence[bytes]
) -> None:
    """Check that the tree `new` starts with all entries of the tree `old`, unchanged.

    The comments number the steps of RFC 9162, 2.1.4.2.

    Args:
        old: Size and root of the older tree.
        new: Size and root of the newer tree.
        path: What `consistency_path` returned.

    Raises:
        LedgerBroken: If the proof does not hold.
    """
    (old_size, old_root), (new_size, new_root) = old, new
    refusal = LedgerBroken(
        f"the log of {new_size} entries is not shown to extend the one of {old_size}",
        why="the consistency proof does not connect both roots (RFC 9162, 2.1.4.2)",
        remedy="ask the site for the proof again; if it fails again, entries that were"
        " signed have been changed or removed",
    )
    if old_size in {0, new_size}:
        same = old_root == (EMPTY_ROOT if old_size == 0 else new_root)
        if path or not same or (new_size == 0 and new_root != EMPTY_ROOT):
            raise refusal
        return
    if not path or not 0 < old_size < new_size:  # 1
        raise refusal
    steps = [old_root, *path] if old_size & (old_size - 1) == 0 else list(path)  # 2
    if _replay(old_size, new_size, steps) != (old_root, new_root):  # 3 to 7
        raise refusal


def _replay(old_size: int, new_size: int, steps: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Return both roots that `steps` lead to, or None if there are too few or too many."""
    first, second = old_size - 1, new_size - 1  # 3
    while first & 1:  # 4
        first, second = first >> 1, second >> 1
    old_head = new_head = steps[0]  # 5
    for step in steps[1:]:  # 6
        if second == 0:
            return None
        if first & 1 or first == second:
            old_head, new_head = node_hash(step, old_head), node_hash(step, new_head)
            first, second = _climb(first, second)
        else:
            new_head = node_hash(new_head, step)
        first, second = first >> 1, second >> 1
    return (old_head, new_head) if second == 0 else None  # 7


def _subproof(old_size: int, leaves: Sequence[bytes], *, whole: bool) -> tuple[bytes, ...]:
    """SUBPROOF of RFC 9162, 2.1.4.1; `whole` is its flag b: the old root is known."""
    if old_size == len(leaves):
        return () if whole else (root(leaves),)
    split = split_of(len(leaves))
    if old_size <= split:
        return (*_subproof(old_size, leaves[:split], whole=whole), root(leaves[split:]))
    rest = _subproof(old_size - split, leaves[split:], whole=False)
    return (*rest, root(leaves[:split]))


def _climb(first: int, second: int) -> tuple[int, int]:
    """Skip the levels on which the node has no sibling to its right."""
    while first and not first & 1:
        first, second = first >> 1, second >> 1
    return first, second


def split_of(size: int) -> int:
    """Return the largest power of two below `size`, for `size` of at least 2."""
    return 1 << ((size - 1).bit_length() - 1)
