"""Tensors as bytes: safetensors, in exactly one spelling.

Format: safetensors (8-byte little-endian header length, JSON header, values). The format
leaves freedom that could carry a message (free-text `__metadata__`, padding, key order,
gaps between tensors), so a bundle is canonical or it is refused: the header is the one
this module would write for the same tensors. docs/formats/bundle.md has an example and the
list of what a reader must reject.

Bytes that a trainer submits are never forwarded: the gate parses them into arrays and
writes those with `encode`.
"""

import re
import struct
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.canonical import parse_strict
from modelward.core.tensors import NUMPY, Schema, Tensors, TensorSpec
from modelward.errors import BadArtifact

NAME = re.compile(r"[a-z0-9][a-z0-9._]{0,127}")
"""Tensor names; a leading underscore is left to the format itself (`__metadata__`)."""

MAX_HEADER = 64 * 1024
"""Longest header accepted, in bytes; a few hundred tensors need a tenth of that."""


def header(schema: Schema) -> bytes:
    """Return the length prefix and JSON header that a bundle of `schema` starts with."""
    parts: list[str] = []
    start = 0
    for spec in schema:
        shape = ",".join(str(extent) for extent in spec.shape)
        parts.append(
            f'"{spec.name}":{{"dtype":"{spec.dtype}","shape":[{shape}],'
            f'"data_offsets":[{start},{start + spec.nbytes}]}}'
        )
        start += spec.nbytes
    text = ("{" + ",".join(parts) + "}").encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def encode(tensors: Tensors, schema: Schema) -> Iterator[bytes | memoryview]:
    """Yield the canonical bytes of `tensors`, without copying contiguous arrays.

    Args:
        tensors: Exactly the names, types and shapes of `schema`.
        schema: The schema, in canonical order.

    Raises:
        BadArtifact: If `tensors` do not have that schema.
    """
    check(tensors, schema)
    yield header(schema)
    for spec in schema:
        values = np.ascontiguousarray(tensors[spec.name])
        if values.size:
            yield values.reshape(-1).view(np.uint8).data


def to_bytes(tensors: Tensors, schema: Schema | None = None) -> bytes:
    """Return the canonical bytes of `tensors` as one string."""
    return b"".join(encode(tensors, schema or Schema.from_tensors(tensors)))


def check(tensors: Tensors, schema: Schema) -> None:
    """Raise BadArtifact unless `tensors` have exactly the tensors of `schema`."""
    faults = [
        f"{name!r} is not expected" for name in tensors if name not in {s.name for s in schema}
    ]
    for spec in schema:
        values = tensors.get(spec.name)
        if not NAME.fullmatch(spec.name):
            faults.append(f"{spec.name[:40]!r} is not a tensor name")
        elif values is None:
            faults.append(f"{spec.name!r} is missing")
        elif values.dtype != NUMPY[spec.dtype] or tuple(values.shape) != spec.shape:
            faults.append(
                f"{spec.name!r} is {values.dtype}{list(values.shape)}, "
                f"not {NUMPY[spec.dtype]}{list(spec.shape)}"
            )
    if faults:
        raise BadArtifact(
            "; ".join(faults[:5]),
            why="names, types and shapes are fixed by the study for every artifact",
            remedy="check that site and hub run the same recipe version",
        )


def parse(raw: bytes | memoryview, schema: Schema) -> dict[str, NDArray[Any]]:
    """Return read-only views into `raw`, which must be the canonical bundle of `schema`.

    Raises:
        BadArtifact: For any other bytes: other tensors, metadata, padding, a wrong length.
    """
    view = memoryview(raw).cast("B")
    start = header(schema)
    if len(view) != len(start) + schema.nbytes or view[: len(start)] != start:
        found = read_schema(view)  # says what is wrong, if it is more than another schema
        raise BadArtifact(
            f"the bundle holds {_names(found)}, the study asks for {_names(schema)}",
            why="names, types and shapes are fixed by the study for every artifact",
            remedy="check that site and hub run the same recipe version",
        )
    return _views(view[len(start) :], schema)


def parse_any(raw: bytes | memoryview) -> dict[str, NDArray[Any]]:
    """Return read-only views into `raw`, any canonical bundle; for files a user hands in.

    Raises:
        BadArtifact: If the bytes are not a canonical bundle.
    """
    view = memoryview(raw).cast("B")
    schema = read_schema(view)
    return _views(view[len(header(schema)) :], schema)


def read_schema(raw: memoryview) -> Schema:
    """Return the schema of a canonical bundle.

    Raises:
        BadArtifact: If the bytes are not a canonical bundle, naming the first reason.
    """
    if len(raw) < 8:  # noqa: PLR2004 - the width of the length prefix
        raise _refuse(f"it is {len(raw)} bytes long, too short for a header")
    (length,) = struct.unpack("<Q", raw[:8])
    if length > MAX_HEADER or length > len(raw) - 8:
        raise _refuse(f"its header claims {length} bytes")
    table = parse_strict(bytes(raw[8 : 8 + length]), what="bundle header")
    if not isinstance(table, dict):
        raise _refuse("its header is not a table")
    if "__metadata__" in table:
        raise _refuse("it carries free-text metadata")
    schema = Schema.of(*(_spec(name, entry) for name, entry in table.items()))
    if raw[: 8 + length] != header(schema) or len(raw) != 8 + length + schema.nbytes:
        raise _refuse("its header or length is not in canonical form (order, gaps, padding)")
    return schema


def _spec(name: str, entry: object) -> TensorSpec:
    """Return one header entry as a spec, without trusting any of it."""
    if (
        not NAME.fullmatch(name)
        or not isinstance(entry, dict)
        or str(entry.get("dtype")) not in NUMPY
    ):
        raise _refuse(f"tensor {name[:40]!r} has a name or type that is not allowed")
    shape = entry.get("shape")
    if not isinstance(shape, list) or not all(
        type(extent) is int and 0 < extent < 2**40 for extent in shape
    ):
        raise _refuse(f"tensor {name[:40]!r} has no proper shape")
    return TensorSpec(name, entry["dtype"], tuple(shape))


def _views(values: memoryview, schema: Schema) -> dict[str, NDArray[Any]]:
    """Cut the value section into named read-only arrays; those of one type share a base."""
    tensors: dict[str, NDArray[Any]] = {}
    start = 0
    for dtype, specs in groupby(schema, key=lambda spec: spec.dtype):
        alike = Schema(tuple(specs))
        block = np.frombuffer(values[start : start + alike.nbytes], NUMPY[dtype])
        block.flags.writeable = False
        tensors |= alike.split(block)
        start += alike.nbytes
    return tensors


def _names(schema: Schema) -> str:
    """Return the tensors of a schema in short, for an error."""
    parts = [f"{s.name}:{s.dtype}{list(s.shape)}" for s in schema]
    return ", ".join(parts[:6]) + (f" and {len(parts) - 6} more" if len(parts) > 6 else "")  # noqa: PLR2004


def _refuse(found: str) -> BadArtifact:
    """Return the error for bytes that are not a canonical bundle."""
    return BadArtifact(
        f"not a canonical bundle: {found}",
        why="a bundle has exactly one spelling, so that nothing can hide in it",
        remedy="write it with modelward, or ask the sender for the file again",
    )
