"""A bundle has one spelling; everything else is refused."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import load, save

from modelward.artifact import bundle
from modelward.core.tensors import Schema, TensorSpec
from modelward.errors import BadArtifact

SCHEMA = Schema.of(TensorSpec("w", "F32", (2, 3)), TensorSpec("b", "F64", (2,)))
TENSORS = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([0.5, -1.0])}
RAW = bundle.to_bytes(TENSORS, SCHEMA)

names = st.from_regex(r"[a-z0-9][a-z0-9._]{0,12}", fullmatch=True)
arrays = hnp.arrays(
    st.sampled_from([np.float32, np.float64, np.int32, np.int64, np.uint8]),
    hnp.array_shapes(max_dims=3, max_side=4),
    elements=st.integers(0, 100),
)


def spelled(header: bytes, values: bytes = b"") -> bytes:
    """A bundle with a header of one's own."""
    return struct.pack("<Q", len(header)) + header + values


@pytest.mark.slow
@given(st.dictionaries(names, arrays, min_size=1, max_size=5))
def test_bytes_equal_those_of_the_safetensors_library(tensors):
    raw = bundle.to_bytes(tensors)

    assert raw == save(tensors)
    assert all(np.array_equal(load(raw)[name], values) for name, values in tensors.items())


@pytest.mark.slow
@given(st.dictionaries(names, arrays, min_size=1, max_size=5))
def test_what_was_written_is_read_back(tensors):
    read = bundle.parse(bundle.to_bytes(tensors), Schema.from_tensors(tensors))

    assert all(np.array_equal(read[name], values) for name, values in tensors.items())


def test_a_bundle_of_float32_is_the_flat_buffer():
    schema = Schema.of(TensorSpec("b", "F32", (2,)), TensorSpec("a", "F32", (3,)))
    flat = np.arange(5, dtype=np.float32)

    raw = bundle.to_bytes(schema.split(flat), schema)

    assert raw.endswith(flat.tobytes())


def test_parsed_tensors_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        bundle.parse(RAW, SCHEMA)["w"][0, 0] = 1


def test_values_that_are_not_contiguous_are_written_in_order():
    turned = {"w": np.asfortranarray(TENSORS["w"]), "b": TENSORS["b"]}

    assert bundle.to_bytes(turned, SCHEMA) == RAW


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00" * 7,
        struct.pack("<Q", 2**63) + b"{}",
        spelled(b"[]" + b" " * 6),
        spelled(b'{"__metadata__":{"mrn":"4711"}}' + b" " * 1),
        spelled(b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]} }      ', b"\0" * 4),
        spelled(b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":1}', b"\0" * 4),
        spelled(b'{"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', b"\0" * 4),
        spelled(b'{"w":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}', b"\0" * 4),
        spelled(b'{"w":{"dtype":"F32","shape":[true],"data_offsets":[0,4]}}', b"\0" * 4),
        spelled(b'{"w":{"dtype":"OBJ","shape":[1],"data_offsets":[0,4]}}', b"\0" * 4),
        spelled(b'{"../w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', b"\0" * 4),
        spelled(b'{"w":NaN}       '),
        spelled(b"\xff\xfe\xff\xfe\xff\xfe\xff\xfe"),
        spelled(b"[" * 60_000),
        RAW[:-1],
        RAW + b"\x00",
        RAW.replace(b'"w"', b'"v"'),
    ],
)
def test_anything_else_is_refused(raw):
    with pytest.raises(BadArtifact):
        bundle.parse_any(raw[: len(raw)]) if b'"v"' not in raw else bundle.parse(raw, SCHEMA)
    with pytest.raises(BadArtifact):
        bundle.parse(raw, SCHEMA)


@pytest.mark.parametrize("place", range(len(RAW) - 40))
def test_a_flipped_header_byte_is_refused(place):
    flipped = bytearray(RAW)
    flipped[place] ^= 0x20

    with pytest.raises(BadArtifact):
        bundle.parse(bytes(flipped), SCHEMA)


@given(st.binary(max_size=300))
def test_random_bytes_never_crash_the_parser(noise):
    with pytest.raises(BadArtifact):
        bundle.parse_any(noise)


def test_tensors_of_another_shape_are_named():
    with pytest.raises(BadArtifact, match=r"'w' is float32\[3, 2\], not float32\[2, 3\]"):
        bundle.to_bytes({"w": TENSORS["w"].T.copy(), "b": TENSORS["b"]}, SCHEMA)
    with pytest.raises(BadArtifact, match="'b' is missing"):
        bundle.to_bytes({"w": TENSORS["w"]}, SCHEMA)
    with pytest.raises(BadArtifact, match="'x' is not expected"):
        bundle.to_bytes({**TENSORS, "x": TENSORS["b"]}, SCHEMA)


def test_a_name_that_the_format_keeps_for_itself_is_refused():
    with pytest.raises(BadArtifact, match="not a tensor name"):
        bundle.to_bytes({"__metadata__": TENSORS["b"]})
