"""A tree that keeps its hashes proves what the plain functions of the RFC prove."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.errors import LedgerBroken
from modelward.ledger import merkle
from modelward.ledger.tree import Tree

LEAVES = [merkle.leaf_hash(str(place).encode()) for place in range(70)]


def grown(size: int) -> Tree:
    """Return the tree over the first `size` leaves."""
    tree = Tree()
    for leaf in LEAVES[:size]:
        tree.append(leaf)
    return tree


WHOLE = grown(len(LEAVES))


@given(size=st.integers(0, 70))
def test_the_root_of_every_prefix_is_known(size):
    assert grown(size).root == WHOLE.root_of(size) == merkle.root(LEAVES[:size])
    assert grown(size).size == size


@given(size=st.integers(1, 70), data=st.data())
def test_inclusion_paths_are_those_of_the_rfc(size, data):
    index = data.draw(st.integers(0, size - 1))

    assert WHOLE.inclusion_path(index, size) == merkle.inclusion_path(index, LEAVES[:size])
    assert grown(size).inclusion_path(index) == merkle.inclusion_path(index, LEAVES[:size])
    assert WHOLE.node(0, index) == LEAVES[index]


@given(size=st.integers(0, 70), data=st.data())
def test_consistency_paths_are_those_of_the_rfc(size, data):
    old = data.draw(st.integers(0, size))

    assert WHOLE.consistency_path(old, size) == merkle.consistency_path(old, LEAVES[:size])
    assert grown(size).consistency_path(old) == merkle.consistency_path(old, LEAVES[:size])


@given(size=st.integers(0, 70), data=st.data())
def test_a_tree_that_was_cut_grows_again_as_if_nothing_had_been(size, data):
    kept = data.draw(st.integers(0, size))
    tree = grown(size)

    tree.cut(kept)
    for leaf in LEAVES[kept:]:
        tree.append(leaf)

    assert tree.root == WHOLE.root


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (70, None), (0, 0), (0, 71)])
def test_there_is_no_path_for_an_entry_outside_the_tree(index, size):
    with pytest.raises(LedgerBroken, match=f"no entry {index} in a tree of"):
        WHOLE.inclusion_path(index, size)


@pytest.mark.parametrize(("old", "size"), [(-1, 3), (4, 3), (71, None), (0, 71)])
def test_a_tree_never_extends_a_larger_one(old, size):
    with pytest.raises(LedgerBroken, match="cannot extend"):
        WHOLE.consistency_path(old, size)
