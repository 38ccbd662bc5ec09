"""Known answers of the RFC 6962 reference implementation, then properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.errors import LedgerBroken
from modelward.ledger import merkle

# Eight leaves, their roots and some proofs from the test data of the reference implementation.
LEAVES = [
    merkle.leaf_hash(bytes.fromhex(entry))
    for entry in ["", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                  "606162636465666768696a6b6c6d6e6f"]
]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
}
CONSISTENCY = {
    (1, 8): INCLUSION[0, 8],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
    (4, 4): [],
}

sizes = st.integers(1, 70)


def tree(size: int) -> list[bytes]:
    """Return `size` different leaves; the builder every property reads by."""
    return [merkle.leaf_hash(str(place).encode()) for place in range(size)]


def naive_root(leaves: list[bytes]) -> bytes:
    """Pair neighbours level by level and let an odd one through: no recursion, no split."""
    level = leaves
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [merkle.node_hash(left, right) for left, right in pairs] + odd
    return level[0] if level else merkle.EMPTY_ROOT


@pytest.mark.parametrize(("size", "expected"), [*enumerate(ROOTS)])
def test_roots_match_the_published_ones(size, expected):
    grown = merkle.Frontier()
    for leaf in LEAVES[:size]:
        grown.append(leaf)

    assert merkle.root(LEAVES[:size]).hex() == expected
    assert grown.root.hex() == expected
    assert grown.size == size


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_inclusion_paths_match_the_published_ones(index, size):
    path = merkle.inclusion_path(index, LEAVES[:size])

    assert [step.hex() for step in path] == INCLUSION[index, size]


@pytest.mark.parametrize(("old", "new"), CONSISTENCY)
def test_consistency_paths_match_the_published_ones(old, new):
    path = merkle.consistency_path(old, LEAVES[:new])

    assert [step.hex() for step in path] == CONSISTENCY[old, new]


@given(size=sizes)
def test_growing_leaf_by_leaf_gives_the_root_of_pairing_level_by_level(size):
    leaves, grown = tree(size), merkle.Frontier()
    for leaf in leaves:
        grown.append(leaf)

    assert merkle.root(leaves) == naive_root(leaves) == grown.root


@pytest.mark.slow
@given(parts=st.lists(st.integers(0, 40), max_size=5))
def test_growing_in_blocks_gives_the_root_of_growing_leaf_by_leaf(parts):
    leaves, grown, at = tree(sum(parts)), merkle.Frontier(), 0
    for part in parts:
        grown.extend(leaves[at : at + part])
        at += part

    assert (grown.size, grown.root) == (len(leaves), naive_root(leaves))


def test_blocks_larger_than_the_largest_are_hashed_alike():
    leaves, grown = tree(5000), merkle.Frontier()
    grown.extend(leaves[:3])
    grown.extend(leaves[3:])

    assert grown.root == naive_root(leaves)


@pytest.mark.slow
@given(size=sizes, data=st.data())
def test_every_entry_is_shown_to_be_in_its_tree_and_nowhere_else(size, data):
    leaves = tree(size)
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_path(index, leaves)

    merkle.verify_inclusion(
        leaves[index], index=index, size=size, path=path, expected=naive_root(leaves)
    )
    for other in set(range(-1, size + 1)) - {index}:
        with pytest.raises(LedgerBroken, match=f"entry {other} is not shown"):
            merkle.verify_inclusion(
                leaves[index], index=other, size=size, path=path, expected=naive_root(leaves)
            )


@given(size=sizes, data=st.data())
def test_an_inclusion_path_with_anything_changed_is_refused(size, data):
    leaves = tree(size)
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_path(index, leaves)
    forged = [(*path[:at], bytes(32), *path[at + 1 :]) for at in range(len(path))]

    for bad in [*forged, (*path, bytes(32)), *([path[:-1]] if path else [])]:
        with pytest.raises(LedgerBroken):
            merkle.verify_inclusion(
                leaves[index], index=index, size=size, path=bad, expected=naive_root(leaves)
            )
    with pytest.raises(LedgerBroken):
        merkle.verify_inclusion(
            bytes(32), index=index, size=size, path=path, expected=naive_root(leaves)
        )


@given(size=sizes, data=st.data())
def test_every_older_tree_is_shown_to_be_a_prefix(size, data):
    leaves = tree(size)
    old = data.draw(st.integers(0, size))
    path = merkle.consistency_path(old, leaves)

    merkle.verify_consistency((old, naive_root(leaves[:old])), (size, naive_root(leaves)), path)


@given(size=sizes, data=st.data())
def test_a_consistency_proof_with_anything_changed_is_refused(size, data):
    leaves = tree(size)
    old = data.draw(st.integers(0, size))
    path = merkle.consistency_path(old, leaves)
    before, after = (old, naive_root(leaves[:old])), (size, naive_root(leaves))
    forged = [(*path[:at], bytes(32), *path[at + 1 :]) for at in range(len(path))]

    for bad in [*forged, (*path, bytes(32)), *([path[:-1]] if path else [])]:
        with pytest.raises(LedgerBroken):
            merkle.verify_consistency(before, after, bad)
    with pytest.raises(LedgerBroken):
        merkle.verify_consistency((old, bytes(32)), after, path)
    if old:
        with pytest.raises(LedgerBroken):
            merkle.verify_consistency(before, (size, bytes(32)), path)


def test_an_empty_log_of_two_roots_is_refused():
    with pytest.raises(LedgerBroken):
        merkle.verify_consistency((0, merkle.EMPTY_ROOT), (0, bytes(32)), ())


@pytest.mark.parametrize("index", [-1, 3])
def test_there_is_no_path_for_an_entry_outside_the_tree(index):
    with pytest.raises(LedgerBroken, match=f"no entry {index} in a tree of 3"):
        merkle.inclusion_path(index, tree(3))


@pytest.mark.parametrize("old", [-1, 4])
def test_a_tree_never_extends_a_larger_one(old):
    with pytest.raises(LedgerBroken, match="cannot extend"):
        merkle.consistency_path(old, tree(3))
    with pytest.raises(LedgerBroken, match="not shown to extend"):
        merkle.verify_consistency((old, bytes(32)), (3, merkle.root(tree(3))), (bytes(32),))
