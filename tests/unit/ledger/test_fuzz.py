"""Bytes from anywhere: every parser says what is wrong, and says it soon.

Inputs are good files that were cut, spliced, repeated and sprinkled with bytes that mean
something to a format, because random bytes never get past the first line.
"""

import random
from collections.abc import Callable
from pathlib import Path
from time import process_time

import pytest

from modelward.errors import BadArtifact, LedgerBroken
from modelward.ledger import alarm, archive, checkpoint, cosignature, note, proof, request
from modelward.ledger.note import VerifierKey
from modelward.ledger.shape import Shapes
from modelward.ledger.witnessed import WITNESSED
from tests.ledgers import KEY
from tests.witnesses import KEYS

VECTOR = Path(__file__).parents[2] / "vectors/ledger"
SAMPLE, ALL = 2_000, 100_000
SLOWEST_S = 0.25
SPICE = [b"\n", b"\n\n", b" ", b"\0", b"=", b"+", "— ".encode(), b"\xff", b"0", b"9" * 20, b"{"]


def lines_of_requests() -> bytes:
    """Return a request made of the vector's proof; its path has the right form."""
    found = archive.read(VECTOR, KEY)
    return request.Request(2, found.tree.consistency_path(2), found.signed).encode()


def an_alarm() -> bytes:
    """Return the file of an alarm about the vector."""
    signed = (VECTOR / WITNESSED).read_bytes()
    return alarm.encode(
        alarm.Alarm(finding="split", held=signed, shown=signed, time="2026-11-20T12:00:00Z")
    )


def cosigned_by_all(raw: bytes) -> object:
    return cosignature.verify(raw, KEY, KEYS, need=1)


def shown_to_a_witness(raw: bytes) -> object:
    return checkpoint.read(request.parse(raw).signed, KEY)


def entry_lines(raw: bytes) -> object:
    shapes = Shapes()
    return [shapes.seq(line) for line in raw.splitlines(keepends=True)]


PARSERS: dict[str, tuple[Callable[[bytes], object], Callable[[], bytes]]] = {
    "note": (lambda raw: note.verify(raw, KEY), (VECTOR / WITNESSED).read_bytes),
    "checkpoint": (lambda raw: checkpoint.read(raw, KEY), (VECTOR / WITNESSED).read_bytes),
    "history": (
        lambda raw: checkpoint.read_history(raw, KEY),
        (VECTOR / "checkpoints").read_bytes,
    ),
    "cosignature": (cosigned_by_all, (VECTOR / WITNESSED).read_bytes),
    "proof": (
        lambda raw: proof.verify(proof.parse(raw), KEY),
        (VECTOR / "entry.tlog-proof").read_bytes,
    ),
    "request": (shown_to_a_witness, lines_of_requests),
    "key": (
        lambda raw: VerifierKey.parse(raw.decode(errors="replace")),
        KEY.text.encode,
    ),
    "alarm": (alarm.decode, an_alarm),
    "entries": (entry_lines, (VECTOR / "entries.jsonl").read_bytes),
}


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


def refusal(parse: Callable[[bytes], object], raw: bytes) -> str | None:
    """Return what a parser says against `raw`, in three sentences, or None."""
    try:
        parse(raw)
    except (LedgerBroken, BadArtifact) as error:
        return error.explain()
    return None


def fuzz(name: str, inputs: int) -> None:
    """Feed `inputs` spoiled files to a parser; what it takes must be nearly what it was."""
    parse, make = PARSERS[name]
    draw, good, refused = random.Random(name), make(), 0
    for _ in range(inputs):
        raw = spoiled(good, draw)
        start = process_time()
        said = refusal(parse, raw)
        assert process_time() - start < SLOWEST_S
        assert said is None or 0 < len(said) < 3_000
        refused += said is not None
    assert refused > inputs * 0.8, "the parser takes nearly anything"


@pytest.mark.parametrize("name", PARSERS)
def test_a_good_file_is_taken(name):
    parse, make = PARSERS[name]

    assert parse(make()) is not None


@pytest.mark.parametrize("name", PARSERS)
def test_spoiled_files_are_refused_in_words(name):
    fuzz(name, SAMPLE)


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("name", PARSERS)
def test_a_hundred_thousand_spoiled_files_are_refused_in_words(name):
    fuzz(name, ALL)


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize("large", [b"\n" * 10**6, b"A" * 10**6, b"[" * 10**6, b"\n\n" * 10**6])
def test_a_large_file_of_nothing_is_refused_soon(name, large):
    start = process_time()
    with pytest.raises((LedgerBroken, BadArtifact)):
        PARSERS[name][0](large)

    assert process_time() - start < 2.0
