"""Canonical bytes and hashes of JSON values.

Implements RFC 8785 (JSON Canonicalization Scheme) through the `rfc8785` library and
SHA-256 over the result. Values on whose spelling Python's own encoder agrees with it, which
are nearly all, are written by that, several times as fast; a test holds one to the other.
Everything that is signed or hashed in modelward (studies, tasks, cards, ledger entries) goes
through `canonical_bytes`, so two parties that agree on a value agree on its hash.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from json import JSONEncoder
from typing import Any

import rfc8785

from modelward.errors import BadArtifact

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
"""A JSON value; floats must be finite, integers within +-(2^53 - 1)."""


_LARGEST = 2**53 - 1
_encode = JSONEncoder(
    ensure_ascii=False, check_circular=False, sort_keys=True, separators=(",", ":")
).encode


class _NotPlain(Exception):
    """Python's encoder may spell this in another way."""


def canonical_bytes(value: Json) -> bytes:
    """Return the RFC 8785 bytes of `value`.

    Raises:
        BadArtifact: If the value has no canonical form (NaN, infinity, integers beyond
            2^53 - 1, text that is not Unicode, or something that is not JSON).
    """
    try:
        try:
            return _encode(_plain(value)).encode()
        except _NotPlain:
            return rfc8785.dumps(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise BadArtifact(
            f"a value has no canonical JSON form: {error}",
            why="what is signed must have exactly one spelling (RFC 8785, section 3.1)",
            remedy="use finite numbers, integers below 2^53, strings, lists and tables only",
        ) from error


def canonical_hash(value: Json) -> str:
    """Return the SHA-256 of the canonical bytes of `value`, as 64 hex digits."""
    return sha256(canonical_bytes(value)).hexdigest()


def _plain(value: Any) -> Any:  # noqa: ANN401 - anything may come, and is looked at
    """Return `value` as Python's encoder spells it like RFC 8785.

    Whole floats become integers, as ECMAScript writes them. Others are left to `rfc8785`
    where an exponent begins, and so are keys whose order in UTF-16 may be another.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is dict:
        if not "".join(value).isascii():  # a key that is no text raises TypeError
            raise _NotPlain
        return {key: v if type(v) is str else _plain(v) for key, v in value.items()}
    if kind is list or kind is tuple:
        return [_plain(inner) for inner in value]
    if kind is int or (kind is float and value.is_integer()):
        if -_LARGEST <= value <= _LARGEST:
            return int(value)
    elif kind is float and 1e-4 <= abs(value) < 1e15:  # noqa: PLR2004 - no exponent yet
        return value
    raise _NotPlain


MAX_DEPTH = 64
"""Lists and tables that may stand in each other; nothing of ours needs a quarter of it."""


def _check_depth(raw: bytes, found: object) -> None:
    """Raise ValueError if `found`, parsed from `raw`, is too deep."""
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and is_too_deep(found):
        raise ValueError(f"it is nested more than {MAX_DEPTH} deep")


def is_too_deep(value: object) -> bool:
    """Return whether more than `MAX_DEPTH` lists and tables stand in each other.

    Deeper values can be parsed at one place of a program and break its stack at another.
    """
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            inner
            for each in level
            if isinstance(each, list | dict)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True


def parse_strict(raw: bytes, *, what: str) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """Parse JSON, refusing what two readers could read differently.

    Args:
        raw: UTF-8 JSON.
        what: What is being read, for the error ("card", "ledger entry").

    Raises:
        BadArtifact: For bytes that are not JSON, duplicate keys, NaN or infinity, and for
            more than `MAX_DEPTH` lists and tables in each other.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) != len(pairs):
            raise ValueError("the same key appears twice")
        return table

    def no_constant(name: str) -> None:
        raise ValueError(f"{name} is not JSON")

    try:
        found = json.loads(raw, object_pairs_hook=unique, parse_constant=no_constant)
        _check_depth(raw, found)
    except (ValueError, RecursionError) as error:
        raise BadArtifact(
            f"the {what} is not strict JSON: {error}",
            why="duplicate keys and NaN are read differently by different programs",
            remedy="ask the sender for the file again; it may be damaged or made by hand",
        ) from error
    return found
