"""A checkpoint has one spelling, one signer, and its place in a growing history."""

import pytest

from modelward.errors import LedgerBroken
from modelward.ledger import checkpoint, note
from modelward.ledger.checkpoint import Checkpoint
from modelward.ledger.note import Signer
from tests.ledgers import KEY, ORIGIN, PRIVATE, STRANGER

SIGNER = Signer(ORIGIN, PRIVATE)
BODY = "modelward/cleveland\n7\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n"


def at(size: int, byte: int = 1) -> Checkpoint:
    """Return a checkpoint of `size` entries with a made-up root."""
    return Checkpoint(ORIGIN, size, bytes([byte]) * 32)


def history(*states: Checkpoint) -> bytes:
    """Return the history file of `states`."""
    return b"".join(checkpoint.sign(state, SIGNER) + b"\n" for state in states)


def test_the_body_is_origin_size_and_root():
    assert at(7).body == BODY
    assert checkpoint.parse(BODY) == at(7)


def test_a_signed_checkpoint_reads_back():
    assert checkpoint.read(checkpoint.sign(at(7), SIGNER), KEY) == at(7)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        BODY[:-1],
        BODY + "extension\n",
        BODY.replace("\n7\n", "\n07\n"),
        BODY.replace("\n7\n", "\n+7\n"),
        BODY.replace("\n7\n", "\n-7\n"),
        BODY.replace("\n7\n", "\n7 \n"),
        BODY.replace("\n7\n", "\n\u0667\n"),
        BODY.replace("\n7\n", "\n" + "7" * 5000 + "\n"),
        BODY.replace("AQE=", "AQF="),
        BODY.replace("AQE=", "AQE"),
        BODY.replace("AQEBAQE=", "AQE="),
    ],
)
def test_any_other_spelling_is_refused(bad):
    with pytest.raises(LedgerBroken, match="not the body of a checkpoint"):
        checkpoint.parse(bad)


def test_a_checkpoint_of_another_ledger_is_refused():
    foreign = Checkpoint("modelward/hungary", 7, bytes(32))

    with pytest.raises(LedgerBroken, match="'modelward/hungary' is signed by"):
        checkpoint.read(checkpoint.sign(foreign, SIGNER), KEY)


def test_a_history_reads_back_in_order():
    assert checkpoint.read_history(history(at(0), at(2), at(9)), KEY) == [at(0), at(2), at(9)]


def test_a_cosigned_checkpoint_may_stand_in_a_history():
    witness = Signer("witness", STRANGER)
    raw = note.sign(at(3).body, SIGNER, witness) + b"\n"

    assert checkpoint.read_history(raw, KEY) == [at(3)]


@pytest.mark.parametrize("states", [(at(2), at(2)), (at(2), at(1)), (at(1), at(3), at(2))])
def test_a_history_that_does_not_grow_is_refused(states):
    with pytest.raises(LedgerBroken, match=f"checkpoint {len(states)} has"):
        checkpoint.read_history(history(*states), KEY)


def test_a_foreign_signature_is_named_by_its_place():
    foreign = checkpoint.sign(at(5), Signer(ORIGIN, STRANGER)) + b"\n"

    with pytest.raises(LedgerBroken, match="checkpoint 2 does not hold: the note carries no"):
        checkpoint.read_history(history(at(4)) + foreign, KEY)


def test_a_history_cut_anywhere_says_so_or_ends_earlier():
    raw, first = history(at(1), at(2)), len(history(at(1)))

    for size in range(len(raw)):
        notes, whole = checkpoint.split_history(raw[:size])
        assert whole == (first if size >= first else 0)
        assert len(notes) == (1 if size >= first else 0)
        if size != first:
            with pytest.raises(LedgerBroken, match="cut off"):
                checkpoint.read_history(raw[:size], KEY)
