"""Tensors keep one order, and one flat vector holds them all."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from modelward.core.tensors import NUMPY, Schema, TensorSpec

specs = st.lists(
    st.builds(
        TensorSpec,
        name=st.text("abc.1", min_size=1, max_size=4),
        dtype=st.just("F32"),
        shape=st.lists(st.integers(1, 4), max_size=3).map(tuple),
    ),
    max_size=5,
    unique_by=lambda spec: spec.name,
)


def test_wider_types_come_first_then_names():
    schema = Schema.of(
        TensorSpec("b", "F32", (2,)),
        TensorSpec("z", "F64", (1,)),
        TensorSpec("a", "U8", (3,)),
        TensorSpec("a.x", "F32", ()),
    )

    assert [spec.name for spec in schema] == ["z", "a.x", "b", "a"]
    assert schema.size == 1 + 1 + 2 + 3
    assert schema.nbytes == 8 + 4 + 8 + 3


def test_the_order_is_that_of_the_safetensors_library():
    from safetensors.numpy import save

    from modelward.artifact import bundle

    tensors = {
        name: np.ones(3, NUMPY[dtype])
        for name, dtype in zip("fbeacd", ["F32", "I64", "U8", "F64", "I32", "F32"], strict=True)
    }

    assert bundle.to_bytes(tensors) == save(tensors)


def test_a_schema_is_described_for_the_card():
    assert Schema.of(TensorSpec("w", "F32", (2, 3))).describe() == [
        {"name": "w", "dtype": "F32", "shape": [2, 3]}
    ]


@given(specs)
def test_joining_and_splitting_are_inverse(found):
    schema = Schema.of(*found)
    flat = np.arange(schema.size, dtype=np.float32)

    assert np.array_equal(schema.join(schema.split(flat)), flat)
    assert Schema.from_tensors(schema.split(flat)) == schema


def test_views_write_into_the_vector():
    schema = Schema.of(TensorSpec("w", "F32", (2, 2)), TensorSpec("a", "F32", (1,)))
    flat = np.zeros(5, np.float32)

    schema.split(flat)["w"][1, 0] = 7

    assert flat.tolist() == [0, 0, 0, 7, 0]


def test_views_of_one_vector_are_known_as_that_vector_and_others_are_not():
    schema = Schema.of(TensorSpec("a", "F32", (2, 2)), TensorSpec("b", "F32", (3,)))
    flat = np.arange(7, dtype=np.float32)
    views = schema.split(flat)

    assert schema.whole(views) is flat
    assert schema.whole({**views, "b": views["b"].copy()}) is None
    assert schema.whole(schema.split(np.arange(8, dtype=np.float32)[:7])) is None
