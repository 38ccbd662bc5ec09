"""Bytes from anywhere: every reader says what is wrong, and says it soon.

Inputs are good bytes that were cut, spliced, repeated and sprinkled with what means something
to a format, because random bytes never get past the first line; and good tables with a value
exchanged, signed again. What is made on purpose is in test_malicious_payloads.py.
"""

import json
import random
import resource
import zlib
from collections.abc import Callable
from contextlib import nullcontext
from time import process_time
from typing import Any

import pytest

from modelward.core.canonical import canonical_bytes
from modelward.core.toml_text import MAX_BYTES
from modelward.errors import ModelwardError
from tests.openings import OPENINGS as PARTIES
from tests.openings_site import SITE_OPENINGS

OPENINGS = {**PARTIES, **SITE_OPENINGS}
SAMPLE, ALL = 150, 100_000
SLOWEST_S = 0.5
MOST_GROWN = 256 * 2**20
SPICE = [
    b"\n", b"\n\n", b" ", b"\0", b"=", b"+", "— ".encode(), b"\xff", b"0", b"9" * 20, b"{",
    b"}", b"[", b"]", b'"', b'"""', b"nan", b"1e400", b"-", b".", b"true", b"\\u0000",
    b"\\ud800", b":", b",", b"#", b"1979-05-27", "\u202e".encode(), b"null",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, 0, -1, 2**53 - 1, 1.5, "", "x", "../x", "\u202e", "a\nb", "\0", "9f" * 32,
    "0" * 128, "f" * 5_000, [], {}, [[]], {"a": {}}, [1] * 300, "2026-02-30T00:00:00Z",
    "9999-12-31T23:59:59Z",
]  # fmt: skip
TABLES = [
    name
    for name, each in OPENINGS.items()
    if each.good[:1] == b"{" and name not in {"entries", "budget"}
]


def spoiled(good: bytes, draw: random.Random) -> bytes:
    """Return `good` after one to four changes."""
    raw = good
    for _ in range(draw.randint(1, 4)):
        a, b = sorted(draw.choices(range(len(raw) + 1), k=2))
        match draw.randrange(6):
            case 0:
                raw = raw[:a] + raw[b:]
            case 1:
                raw = raw[:a] + draw.randbytes(draw.randint(1, 4)) + raw[a:]
            case 2:
                raw = raw[:a] + draw.choice(SPICE) * draw.randint(1, 3) + raw[b:]
            case 3:
                raw = raw[:b] + raw[a:b] * draw.randint(1, 40) + raw[b:]
            case 4:
                raw = raw[b:] + raw[a:b] + raw[:a]
            case _:
                raw = raw[:a] + bytes([draw.randrange(256)]) + raw[a + 1 :]
    return raw


def exchanged(name: str, draw: random.Random) -> bytes:
    """Return a good table with one value in it exchanged or left out, and signed again."""
    table = json.loads(OPENINGS[name].good)
    here: Any = table
    while True:
        at = draw.choice(list(here) if isinstance(here, dict) else range(len(here)))
        if not isinstance(here[at], dict | list) or not here[at] or draw.random() < 0.3:
            break
        here = here[at]
    if isinstance(here, dict) and draw.random() < 0.1:
        del here[at]
    else:
        here[at] = draw.choice(VALUES)
    seal = OPENINGS[name].seal
    return canonical_bytes(table) if seal is None or draw.random() < 0.2 else seal(table)


def refused(name: str, raw: bytes) -> bool:
    """Hand bytes to a reader; return whether it refused them, in words and soon."""
    start = process_time()
    try:
        OPENINGS[name].read(raw)
    except ModelwardError as error:
        said = error.explain()
        assert 0 < len(said) < 20_000, (name, raw)
        assert said.replace("\n", "").isprintable(), (name, raw)
        return True
    finally:
        assert process_time() - start < SLOWEST_S, (name, raw)
    return False


def fuzz(name: str, make: Callable[[random.Random], bytes], inputs: int, least: float) -> None:
    """Feed a reader; most must be refused, and memory must not grow."""
    draw = random.Random(zlib.crc32(name.encode()))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count = sum(refused(name, make(draw)) for _ in range(inputs))
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

    assert count > inputs * least, "the reader takes nearly anything"
    assert grown < MOST_GROWN


LENGTHS = [
    SAMPLE,
    pytest.param(
        ALL, marks=[pytest.mark.exhaustive, pytest.mark.slow, pytest.mark.timeout(3600)]
    ),
]


@pytest.mark.parametrize("inputs", LENGTHS)
@pytest.mark.parametrize("name", OPENINGS)
def test_spoiled_bytes_are_refused_in_words(name, inputs):
    # People's files have comments and words of their own, in which a change means nothing.
    fuzz(name, lambda draw: spoiled(OPENINGS[name].good, draw), inputs, 0.6)


@pytest.mark.parametrize("inputs", LENGTHS)
@pytest.mark.parametrize("name", TABLES)
def test_tables_with_a_value_exchanged_are_refused_in_words_or_taken(name, inputs):
    fuzz(name, lambda draw: exchanged(name, draw), inputs, 0.25)


@pytest.mark.parametrize("name", OPENINGS)
@pytest.mark.parametrize("large", [b"\n" * 10**6, b"A" * 10**6, b"[" * 10**6, b"\n\n" * 10**6])
def test_a_large_file_of_nothing_is_refused_soon(name, large):
    blank = name == "policy" and large.isspace() and len(large) < MAX_BYTES
    # A policy without a key is the standard one.
    start = process_time()
    with nullcontext() if blank else pytest.raises(ModelwardError):
        OPENINGS[name].read(large)

    assert process_time() - start < 2.0
