"""Lists of sites whose sums, taken together, show one site's numbers; known answers."""

from itertools import combinations

import numpy as np
import pytest

from modelward.privacy.masks.lists import singled_out


@pytest.mark.parametrize(
    ("lists", "shown"),
    [
        (["abcd"], ""),
        (["abcd", "abcd"], ""),
        (["abcd", "abc"], "d"),
        (["abcd", "abce"], ""),
        (["abcd", "abce", "abde"], ""),
        (["abcde", "abc"], ""),
        (["abcde", "abc", "abcd"], "de"),
        (["abc", "ade", "bcde"], "a"),
        (["abcd", "abce", "abde", "acde", "bcde"], "abcde"),
        ([], ""),
    ],
)
def test_who_can_be_solved_for_is_named(lists, shown):
    assert singled_out(lists) == tuple(shown)


def test_random_lists_agree_with_the_rank_of_their_matrix():
    draw = np.random.default_rng(5)
    for _ in range(200):
        names = "abcdef"[: draw.integers(3, 7)]
        some = [each for k in (3, 4, 5, 6) for each in combinations(names, k)]
        lists = [some[i] for i in draw.integers(0, len(some), draw.integers(1, 6))]
        matrix = np.array([[name in each for name in names] for each in lists], float)
        rank = np.linalg.matrix_rank(matrix)
        solved = [
            name
            for name, unit in zip(names, np.eye(len(names)), strict=True)
            if np.linalg.matrix_rank(np.vstack([matrix, unit])) == rank
        ]
        assert singled_out(lists) == tuple(solved)
