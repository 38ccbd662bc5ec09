"""Updates in fewer bytes: what leaves in place of one that the gate has judged.

    bf16     the upper half of every float32, rounded to even                     2 bytes
    int8     q scale, with scale = largest / 127 of each tensor and q rounded up
             or down at random so that its mean is exact (Alistarh et al. 2017,
             arXiv:1610.02132, section 3)                                         1 byte
             or with fewer steps, which are packed into fewer bytes
    int4     the same with 7 steps each way                                       1/2 byte
    top-k    the share of values that is largest, as bf16, and a bit for every
             value that says which; what is left out is added to the next round's
             update (Stich et al. 2018, arXiv:1809.07599)          1/8 + 2 share bytes

and all of it through DEFLATE (RFC 1951, in zlib's frame, RFC 1950) if `packed`.

The random numbers come from the public seed, named by round and site: a site that is asked
again sends the same bytes. Decoding gives values on the grid of updates, and never asks for
more memory than the study's model has: a packed answer is unpacked up to its known length.

Pure. Which study sends what is study/uplink.py's, who encodes site/coding.py's.
"""

import zlib
from collections.abc import Mapping
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.tensors import FlatF32, Schema, TensorSpec
from modelward.core.training import Uplink
from modelward.errors import BadArtifact

CODE, SCALE, PACKED = "code", "scale", "packed"

EFFORT = 9
"""Of DEFLATE."""

SLACK = 64
"""Bytes that packing may add to what cannot be packed, beside 1 in 1,000."""

Octets = NDArray[np.uint8]
Coded = Mapping[str, NDArray[Any]]


def coded_schema(schema: Schema, uplink: Uplink, packed: int = 0) -> Schema:
    """Return the tensors in which an update of `schema` leaves.

    Args:
        schema: Of the plain update, all float32.
        uplink: The study's `[plan.uplink]`.
        packed: Length of a packed answer, which only the answer itself tells.

    Raises:
        BadArtifact: If `packed` is longer than anything that was packed.
    """
    length, scales = _lengths(schema, uplink)
    if uplink.packed:
        most = most_packed(schema, uplink)
        if not 1 <= packed <= most:
            raise _unfit(f"{packed} packed bytes, 1 to {most} are possible")
        return Schema.of(TensorSpec(PACKED, "U8", (packed,)))
    specs = [TensorSpec(CODE, "U8", (length,))]
    if scales:
        specs.append(TensorSpec(SCALE, "F32", (scales,)))
    return Schema.of(*specs)


def most_packed(schema: Schema, uplink: Uplink) -> int:
    """Return the most bytes of a packed answer, which only the answer itself tells."""
    length, scales = _lengths(schema, uplink)
    return (length + 4 * scales) * 1001 // 1000 + SLACK


def encode(
    flat: FlatF32, schema: Schema, uplink: Uplink, draw: np.random.Generator
) -> dict[str, NDArray[Any]]:
    """Return the tensors that leave in place of `flat`, [size].

    Args:
        flat: The update, finite.
        schema: How it is split into tensors; each has a scale of its own.
        uplink: The study's `[plan.uplink]`.
        draw: For rounding at random.
    """
    scale = np.zeros(0, np.float32)
    if uplink.codec == "bf16":
        code = _halves(flat).view(np.uint8)
    elif uplink.codec == "top-k":
        code = _largest(flat, _kept(flat.size, uplink))
    else:
        whole, scale = _steps(flat, schema, uplink.steps, draw)
        code = whole.view(np.uint8) if uplink.codec == "int8" else _nibbles(whole)
    if uplink.packed:
        raw = zlib.compress(code.tobytes() + scale.astype("<f4").tobytes(), EFFORT)
        return {PACKED: np.frombuffer(raw, np.uint8)}
    return {CODE: code, SCALE: scale} if scale.size else {CODE: code}


def decode(coded: Coded, schema: Schema, uplink: Uplink) -> FlatF32:
    """Return the values that `coded` stands for, [size].

    Args:
        coded: As `encode` makes it, checked against `coded_schema`.
        schema: Of the plain update.
        uplink: The study's `[plan.uplink]`.

    Raises:
        BadArtifact: If it is not what `encode` makes.
    """
    length, scales = _lengths(schema, uplink)
    if uplink.packed:
        raw = np.frombuffer(_unpacked(coded[PACKED], length + 4 * scales), np.uint8)
        code, scale = raw[:length], raw[length:].view("<f4")
    else:
        code, scale = coded[CODE], coded.get(SCALE, np.zeros(0, np.float32))
    if not np.isfinite(scale).all() or (scale < 0).any():
        raise _unfit("a scale is negative or not finite")
    if uplink.codec == "bf16":
        flat = _singles(code.view("<u2"))
    elif uplink.codec == "top-k":
        flat = _spread(code, schema.size, _kept(schema.size, uplink))
    else:
        whole = code.view(np.int8) if uplink.codec == "int8" else _bytes(code, schema.size)
        flat = whole.astype(np.float32) * np.repeat(scale, [spec.size for spec in schema])
    if not np.isfinite(flat).all():
        raise _unfit("a value is not finite")
    return flat


def _lengths(schema: Schema, uplink: Uplink) -> tuple[int, int]:
    """Return the bytes of the code, and the number of scales."""
    size, tensors = schema.size, len(schema.specs)
    if uplink.codec == "bf16":
        return 2 * size, 0
    if uplink.codec == "top-k":
        return ceil(size / 8) + 2 * _kept(size, uplink), 0
    return (size if uplink.codec == "int8" else ceil(size / 2)), tensors


def _kept(size: int, uplink: Uplink) -> int:
    return max(1, ceil(size * (uplink.share or 0.1)))


def _halves(flat: FlatF32) -> NDArray[np.uint16]:
    bits = np.ascontiguousarray(flat, "<f4").view("<u4")
    rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return np.ascontiguousarray(rounded >> np.uint32(16)).astype("<u2")


def _singles(halves: NDArray[np.uint16]) -> FlatF32:
    return (halves.astype("<u4") << np.uint32(16)).view("<f4").astype(np.float32)


def _steps(
    flat: FlatF32, schema: Schema, levels: int, draw: np.random.Generator
) -> tuple[NDArray[np.int8], FlatF32]:
    """Return whole steps of each value, and the step of each tensor."""
    parts = schema.split(flat)
    scale = np.array(
        [np.abs(parts[spec.name]).max(initial=0.0) / levels for spec in schema], np.float32
    )
    each = np.repeat(scale, [spec.size for spec in schema])
    exact = np.divide(flat, each, out=np.zeros_like(flat), where=each > 0)
    whole = np.floor(exact + draw.random(flat.size, np.float32))
    return np.clip(whole, -levels, levels).astype(np.int8), scale


def _nibbles(whole: NDArray[np.int8]) -> Octets:
    """Return two values a byte, the first in the low half, each plus 8."""
    shifted = np.append(whole, np.zeros(whole.size % 2, np.int8)) + 8
    pairs = shifted.astype(np.uint8).reshape(-1, 2)
    found: Octets = pairs[:, 0] | (pairs[:, 1] << np.uint8(4))
    return found


def _bytes(code: Octets, size: int) -> NDArray[np.int8]:
    low, high = code & 15, code >> 4
    return (np.stack([low, high], axis=1).reshape(-1)[:size].astype(np.int8) - 8).astype(
        np.int8
    )


def _largest(flat: FlatF32, count: int) -> Octets:
    """Return a bit for each value that is kept, then these values as bf16, in order."""
    order = np.argsort(-np.abs(flat), kind="stable")[:count]
    chosen = np.zeros(flat.size, np.bool_)
    chosen[order] = True
    bits = np.packbits(chosen, bitorder="little")
    return np.concatenate([bits, _halves(flat[chosen]).view(np.uint8)])


def _spread(code: Octets, size: int, count: int) -> FlatF32:
    marks = ceil(size / 8)
    bits = np.unpackbits(code[:marks], bitorder="little")
    if int(bits.sum()) != count or bits[size:].any():
        raise _unfit(f"{int(bits.sum())} values are marked, not {count}")
    flat = np.zeros(size, np.float32)
    flat[bits[:size].astype(np.bool_)] = _singles(
        np.ascontiguousarray(code[marks:]).view("<u2")
    )
    return flat


def _unpacked(packed: Octets, length: int) -> bytes:
    """Return exactly `length` bytes; no more memory is taken than that."""
    stream = zlib.decompressobj()
    try:
        raw = stream.decompress(packed.tobytes(), length + 1)
    except zlib.error as error:
        raise _unfit(str(error)) from error
    if len(raw) != length or not stream.eof or stream.unused_data:
        raise _unfit(f"it does not unpack to {length} bytes")
    return raw


def _unfit(found: str) -> BadArtifact:
    return BadArtifact(
        f"a coded update is refused: {found}",
        why="an update is coded as the signed study says, and in no other way",
        remedy="check that the site runs the version of modelward that the hub runs",
    )
