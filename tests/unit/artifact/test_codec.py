"""Codes of updates: known bytes, what they promise, and what a reader refuses."""

import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.artifact import codec
from modelward.core.tensors import Schema, TensorSpec
from modelward.core.training import LEVELS, Uplink
from modelward.errors import BadArtifact

SCHEMA = Schema.of(TensorSpec("a", "F32", (3, 2)), TensorSpec("b", "F32", (5,)))
CODECS = [
    Uplink(codec=name, packed=packed)
    for name in ("bf16", "int8", "int4", "top-k")
    for packed in (None, True)
]


def coded(flat: Any, uplink: Uplink, seed: int = 0) -> dict[str, Any]:
    values = np.asarray(flat, np.float32)
    return codec.encode(values, SCHEMA, uplink, np.random.default_rng(seed))


def back(flat: Any, uplink: Uplink, seed: int = 0) -> Any:
    return codec.decode(coded(flat, uplink, seed), SCHEMA, uplink)


def test_bf16_is_the_upper_half_rounded_to_even():
    flat = [1.0, 1.00390625, 1.01171875, -2.0, 0.0, 3e-3, 0, 0, 0, 0, 0]

    found = back(flat, Uplink(codec="bf16"))

    # 1 + 2^-8 lies half-way between 1 and 1 + 2^-7: to even is 1; 1 + 3 * 2^-8 goes up.
    assert found[:5].tolist() == [1.0, 1.0, 1.015625, -2.0, 0.0]
    assert found[5] == pytest.approx(3e-3, rel=2**-8)


def test_int8_keeps_the_largest_of_each_tensor_and_zero():
    flat = [127, -127, 0, 1, 63, -5, 2.54, -2.54, 0, 0.02, -0.02]

    found = back(flat, Uplink(codec="int8"))

    np.testing.assert_allclose(found, flat, rtol=1e-6)


def test_fewer_steps_are_wider_and_packed_into_fewer_bytes():
    flat = [31, -31, 0, 1, 15, -5, 2.54, -2.54, 0, 0.02, -0.02]
    wide = Schema.of(TensorSpec("a", "F32", (20_000,)))
    values = np.random.default_rng(3).normal(size=20_000).astype(np.float32)

    def packed(levels: int | None) -> int:
        uplink = Uplink(codec="int8", packed=True, levels=levels)
        sent = codec.encode(values, wide, uplink, np.random.default_rng(0))
        return int(sent["packed"].size)

    found = back(flat, Uplink(codec="int8", levels=31))
    assert np.abs(found[:6] - flat[:6]).max() <= 1.0  # a step of the first tensor is 1
    assert found[:2].tolist() == [31.0, -31.0]
    assert packed(None) == packed(127) > packed(63) > packed(31)


def test_int4_puts_two_values_into_a_byte():
    sent = coded([7, -7, 0, 1, 2, 3, 7, 0, 0, 0, -1], Uplink(codec="int4"))

    assert sent["code"].tolist() == [0x1F, 0x98, 0xBA, 0x8F, 0x88, 0x87]
    assert sent["scale"].tolist() == [1.0, 1.0]


def test_top_k_sends_the_largest_and_says_which():
    flat = [0.5, -4, 0, 1, 0, 0, 0, 0, 0, 2, 0.1]

    sent = coded(flat, Uplink(codec="top-k", share=0.25))

    assert sent["code"][:2].tolist() == [0b1010, 0b10]
    assert codec.decode(sent, SCHEMA, Uplink(codec="top-k", share=0.25)).tolist() == [
        0, -4, 0, 1, 0, 0, 0, 0, 0, 2, 0
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["int8", "int4"])
def test_rounding_at_random_is_right_on_average(name):
    flat = np.linspace(-1, 1, 11).astype(np.float32) * 0.3
    uplink = Uplink(codec=name)

    mean = np.mean([back(flat, uplink, seed) for seed in range(4000)], axis=0)

    step = 0.3 / LEVELS[name]
    np.testing.assert_allclose(mean, flat, atol=5 * step / 2 / 4000**0.5)


@pytest.mark.parametrize(
    "uplink", CODECS, ids=lambda u: f"{u.codec}{' packed' * bool(u.packed)}"
)
@given(st.lists(st.floats(-60, 60, width=32), min_size=11, max_size=11))
def test_a_code_has_the_schema_that_a_reader_expects_and_is_close(uplink, flat):
    sent = coded(flat, uplink)
    packed = sent["packed"].size if uplink.packed else 0
    schema = codec.coded_schema(SCHEMA, uplink, packed)

    assert Schema.from_tensors(sent) == schema
    found = codec.decode(sent, SCHEMA, uplink)
    assert found.dtype == np.float32
    limit = {"bf16": 2**-8, "int8": 1 / 127, "int4": 1 / 7, "top-k": 1.0}[uplink.codec]
    assert np.abs(found - np.asarray(flat)).max() <= limit * np.abs(flat).max() * 1.001 + 1e-30


@pytest.mark.parametrize(
    ("uplink", "wrong"),
    [
        (Uplink(codec="int8", packed=True), {"packed": np.frombuffer(b"nonsense", np.uint8)}),
        (
            Uplink(codec="int8", packed=True),
            {"packed": np.frombuffer(zlib.compress(bytes(10**7)), np.uint8)},
        ),
        (
            Uplink(codec="int8"),
            {"code": np.zeros(11, np.uint8), "scale": np.array([np.nan, 1], np.float32)},
        ),
        (
            Uplink(codec="int8"),
            {"code": np.zeros(11, np.uint8), "scale": np.array([-1, 1], np.float32)},
        ),
        (Uplink(codec="top-k", share=0.25), {"code": np.full(8, 255, np.uint8)}),
        (Uplink(codec="bf16"), {"code": np.full(22, 255, np.uint8)}),
    ],
)
def test_what_encode_does_not_make_is_refused(uplink, wrong):
    with pytest.raises(BadArtifact):
        codec.decode(wrong, SCHEMA, uplink)


def test_a_packed_answer_of_any_length_is_not_asked_for():
    with pytest.raises(BadArtifact):
        codec.coded_schema(SCHEMA, Uplink(codec="int8", packed=True), 10**6)


def test_eight_bits_are_a_quarter_of_the_bytes():
    wide = Schema.of(*(TensorSpec(f"layer{n}.weight", "F32", (100, 140)) for n in range(4)))
    flat = np.random.default_rng(1).normal(size=wide.size).astype(np.float32)

    sent = codec.encode(flat, wide, Uplink(codec="int8"), np.random.default_rng(0))

    assert wide.nbytes / sum(values.nbytes for values in sent.values()) > 3.99
