"""The Merkle tree of merkle.py with every hash kept, so that a proof costs log2(n) looks.

For whoever proves: the site that answers its witnesses each round, and `ledger prove` and
`ledger export`. Who only verifies needs merkle.Frontier. 64 bytes of memory for each leaf.
"""

from modelward.ledger.merkle import (
    EMPTY_ROOT,
    cannot_extend,
    no_such_entry,
    node_hash,
    split_of,
)

_HASH_BYTES = 32


class Tree:
    """A growing tree that can prove: 64 bytes of memory for each leaf.

    `_levels[h]` holds, one after another, the roots of all complete subtrees of 2^h leaves.
    """

    def __init__(self) -> None:
        self._levels: list[bytearray] = [bytearray()]

    @property
    def size(self) -> int:
        """Number of leaves appended."""
        return len(self._levels[0]) // _HASH_BYTES

    @property
    def root(self) -> bytes:
        """Tree head over all leaves so far; equal to `root` over the same leaves."""
        return self.root_of(self.size)

    def root_of(self, size: int) -> bytes:
        """Return the tree head over the first `size` leaves, at most all of them."""
        return self._root(0, size) if size else EMPTY_ROOT

    def node(self, height: int, index: int) -> bytes:
        """Return the root of the `index`-th complete subtree of 2^`height` leaves."""
        at = index * _HASH_BYTES
        return bytes(self._levels[height][at : at + _HASH_BYTES])

    def append(self, leaf: bytes) -> None:
        """Add one 32-byte leaf hash at the right."""
        height, index = 0, self.size
        self._levels[0] += leaf
        while index & 1:
            leaf = node_hash(self.node(height, index - 1), leaf)
            height, index = height + 1, index >> 1
            if height == len(self._levels):
                self._levels.append(bytearray())
            self._levels[height] += leaf

    def cut(self, size: int) -> None:
        """Forget all leaves from `size` on."""
        for height, level in enumerate(self._levels):
            del level[(size >> height) * _HASH_BYTES :]

    def inclusion_path(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        """Return what `inclusion_path` returns for the first `size` leaves (default all).

        Raises:
            LedgerBroken: If there is no such leaf.
        """
        stop = self.size if size is None else size
        if not 0 <= index < stop <= self.size:
            raise no_such_entry(index, min(stop, self.size))
        start, path = 0, []
        while stop - start > 1:
            split = start + split_of(stop - start)
            if index < split:
                path.append(self._root(split, stop))
                stop = split
            else:
                path.append(self._root(start, split))
                start = split
        return tuple(reversed(path))

    def consistency_path(self, old_size: int, size: int | None = None) -> tuple[bytes, ...]:
        """Return what `consistency_path` returns for the first `size` leaves (default all).

        Raises:
            LedgerBroken: If `old_size` is not between 0 and `size`.
        """
        stop = self.size if size is None else size
        if not 0 <= old_size <= stop <= self.size:
            raise cannot_extend(old_size, min(stop, self.size))
        if old_size in {0, stop}:
            return ()
        start, path = 0, []
        while old_size != stop:
            split = start + split_of(stop - start)
            if old_size <= split:
                path.append(self._root(split, stop))
                stop = split
            else:
                path.append(self._root(start, split))
                start = split
        return tuple(reversed(path if start == 0 else [*path, self._root(start, stop)]))

    def _root(self, start: int, stop: int) -> bytes:
        """Return MTH(D[start:stop]); `start` is a multiple of the power of two that splits."""
        width = stop - start
        if width & (width - 1) == 0:
            height = width.bit_length() - 1
            return self.node(height, start >> height)
        split = start + split_of(width)
        return node_hash(self._root(start, split), self._root(split, stop))
