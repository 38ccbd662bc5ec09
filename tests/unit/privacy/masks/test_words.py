"""Answers as words: what is summed behind masks is what would be summed in the open."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.aggregate.fixed_point import UpdateSum, exact_sum, to_grid
from modelward.core.tensors import Schema, TensorSpec
from modelward.errors import BadUpdate
from modelward.privacy.masks import grid
from modelward.privacy.masks.words import answer_words, read_sums, words_in

SUMS = Schema.of(TensorSpec("b", "F64", (2,)), TensorSpec("a", "F64", (1, 2)))
UPDATE = Schema.of(TensorSpec("w", "F32", (3,)), TensorSpec("b", "F32", (1,)))

numbers = st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=4)


@given(sites=st.lists(st.tuples(numbers, st.integers(0, 10**6)), min_size=3, max_size=6))
def test_sums_of_words_are_the_exact_sums(sites):
    total, open_parts = np.zeros(words_in(SUMS), np.uint64), []
    for values, patients in sites:
        flat = to_grid(np.array(values))
        answer = {"b": flat[:2], "a": flat[2:].reshape(1, 2)}
        total += answer_words(answer, SUMS, patients, len(sites))
        open_parts.append(answer)
    named, patients = read_sums(total, SUMS)

    assert patients == sum(number for _, number in sites)
    assert {n: v.tolist() for n, v in named.items()} == {
        n: v.tolist() for n, v in exact_sum(open_parts).items()
    }


def test_updates_are_weighted_by_their_patients():
    found = np.zeros(words_in(UPDATE), np.uint64)
    expected = UpdateSum(UPDATE.size)
    for patients in (3, 5, 7):
        answer = {"w": np.full(3, 2.0**-20 * patients, np.float32), "b": np.ones(1, np.float32)}
        found += answer_words(answer, UPDATE, patients, 3)
        expected.add(UPDATE.join(answer), patients)
    total, weight = grid.read_update(found)

    assert weight == 15
    assert UpdateSum.of(total, weight).mean().tobytes() == expected.mean().tobytes()


def test_an_answer_of_nobody_is_no_update():
    answer = {"w": np.zeros(3, np.float32), "b": np.zeros(1, np.float32)}

    with pytest.raises(BadUpdate, match="weight 0"):
        answer_words(answer, UPDATE, 0, 3)
