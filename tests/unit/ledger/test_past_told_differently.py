"""Whatever way the past is told differently and signed again, a witness raises an alarm.

The site's own key signs here: the stand-alone verifier alone cannot tell such a ledger from
an honest one (tests/unit/tools), and what a witness kept can.
"""

from collections.abc import Iterator, Sequence

import pytest

from modelward.errors import LedgerBroken
from modelward.ledger import checkpoint, merkle
from modelward.ledger.checkpoint import Checkpoint
from modelward.ledger.note import Signer
from modelward.ledger.request import Request, parse
from modelward.ledger.request import request as asked_of
from modelward.ledger.witness import Verdict, judge
from tests.ledgers import KEY, ORIGIN, PRIVATE, STRANGER, open_ledger, write

EXHAUSTIVE = (pytest.mark.exhaustive, pytest.mark.slow)


def shown_over(lines: Sequence[bytes], old: int) -> Request:
    """Return a checkpoint over changed lines, signed with the site's own key, as proven."""
    leaves = [merkle.leaf_hash(line) for line in lines]
    signer = Signer(ORIGIN, PRIVATE)
    signed = checkpoint.sign(Checkpoint(ORIGIN, len(lines), merkle.root(leaves)), signer)
    possible = 0 < old <= len(lines)
    return Request(old, merkle.consistency_path(old, leaves) if possible else (), signed)


def changes(lines: list[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """Yield each way to tell the past of a ledger differently, with entries added or not."""
    more = [b"{}", b"[]"]
    for at, line in enumerate(lines):
        for byte in range(len(line)):
            flipped = line[:byte] + bytes([line[byte] ^ 1]) + line[byte + 1 :]
            yield f"flip byte {byte} of {at}", [*lines[:at], flipped, *lines[at + 1 :]]
        yield f"delete {at}", [*lines[:at], *lines[at + 1 :]]
        yield f"delete {at} and add", [*lines[:at], *lines[at + 1 :], *more]
        yield f"double {at}", [*lines[: at + 1], *lines[at:]]
        yield f"cut at {at}", lines[:at]
        yield f"cut at {at} and add", [*lines[:at], *more, *more, *more]
        for other in range(at + 1, len(lines)):
            swapped = list(lines)
            swapped[at], swapped[other] = swapped[other], swapped[at]
            yield f"swap {at} and {other}", swapped
            yield f"swap {at} and {other} and add", [*swapped, *more]


def verdict(lines: Sequence[bytes], changed: Sequence[bytes]) -> Verdict:
    """Return what a witness that cosigned `lines` says of `changed`."""
    held = checkpoint.read(shown_over(lines, 0).signed, KEY)
    request = shown_over(changed, held.size)
    return judge({held.size: held}, request, checkpoint.read(request.signed, KEY))


def test_every_past_told_differently_and_signed_again_raises_an_alarm(tmp_path):
    site = write(tmp_path / "site", [1, 1, 1])
    lines = (site / "entries.jsonl").read_bytes().splitlines()

    found = {
        name: verdict(lines, changed)
        for name, changed in changes(lines)
        if changed[: len(lines)] != lines  # it only adds: a reader judges what it adds
    }

    assert len(found) > 400
    assert set(found.values()) == {"split", "rollback", "inconsistent"}
    assert found["flip byte 0 of 1"] == "split"
    assert found["delete 0"] == found["cut at 2"] == "rollback"
    assert found["delete 0 and add"] == found["cut at 1 and add"] == "inconsistent"


def told(raw: bytes, held: Checkpoint) -> str:
    """Return what a witness that cosigned `held` says of the bytes of a request."""
    try:
        request = parse(raw)
        return judge({held.size: held}, request, checkpoint.read(request.signed, KEY))
    except LedgerBroken:
        return "unread"


@pytest.mark.parametrize("masks", [[1], pytest.param(range(1, 256), marks=EXHAUSTIVE)])
def test_no_request_with_a_flipped_byte_is_cosigned(tmp_path, masks):
    site = write(tmp_path / "site", [2])
    with open_ledger(site) as ledger:
        held = checkpoint.read(ledger.checkpoint, KEY)
    with open_ledger(write(site, [1, 2])) as ledger:
        good = asked_of(ledger, held.size).encode()
    assert told(good, held) == "new"

    found = {
        told(good[:at] + bytes([good[at] ^ mask]) + good[at + 1 :], held)
        for at in range(len(good))
        for mask in masks
    }

    assert found == {"unread", "behind", "inconsistent"}


def test_a_ledger_signed_again_with_another_key_is_evidence_of_nothing(tmp_path):
    site = write(tmp_path / "site", [3])
    with open_ledger(site) as ledger:
        held = checkpoint.read(ledger.checkpoint, KEY)
    for signer in (Signer(ORIGIN, STRANGER), Signer("modelward/hungary", PRIVATE)):
        signed = checkpoint.sign(Checkpoint(signer.name, held.size, held.root), signer)

        assert told(Request(0, (), signed).encode(), held) == "unread"


def test_a_ledger_that_only_grew_is_cosigned(tmp_path):
    site = write(tmp_path / "site", [1, 1, 1])
    lines = (site / "entries.jsonl").read_bytes().splitlines()

    assert verdict(lines, [*lines, b"{}"]) == "new"
    assert verdict(lines, lines) == "same"
