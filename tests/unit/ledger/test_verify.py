"""Every way to tamper with a small ledger is found, and the first bad entry is named."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from modelward.errors import LedgerBroken
from modelward.ledger import checkpoint
from modelward.ledger.note import Signer
from modelward.ledger.verify import verify
from tests.ledgers import KEY, ORIGIN, PRIVATE, STRANGER, fields, open_ledger, write

SIZE = 5


@pytest.fixture
def single(tmp_path):
    """Return a ledger of five entries, each under a checkpoint of its own."""
    return write(tmp_path / "single", [1] * SIZE)


@pytest.fixture
def batched(tmp_path):
    """Return a ledger of five entries in batches of two and three."""
    return write(tmp_path / "batched", [2, 3])


def lines_of(folder: Path) -> list[bytes]:
    return (folder / "entries.jsonl").read_bytes().splitlines(keepends=True)


def put_lines(folder: Path, lines: Sequence[bytes]) -> None:
    (folder / "entries.jsonl").write_bytes(b"".join(lines))


def test_a_whole_ledger_verifies(single):
    found = verify(single, KEY.text)

    assert (found.origin, found.entries, found.checkpoints) == (ORIGIN, SIZE, SIZE + 1)
    assert found.key == KEY.text
    assert not found.key_from_ledger
    with open_ledger(single) as ledger:
        assert found.root == ledger.root


def test_an_empty_ledger_verifies(tmp_path):
    found = verify(write(tmp_path, []), KEY.text)

    assert (found.entries, found.checkpoints) == (0, 1)


def test_the_key_may_be_text_or_a_file_and_the_folders_own_key_is_said_so(single, tmp_path):
    shutil.copy(single / "key.pub", tmp_path / "kept+elsewhere")

    assert verify(single).key_from_ledger
    assert not verify(single, single / "key.pub").key_from_ledger
    assert not verify(single, str(tmp_path / "kept+elsewhere")).key_from_ledger
    assert verify(single / "entries.jsonl", KEY.text) == verify(single, KEY.text)


def test_another_key_does_not_verify(single):
    with pytest.raises(LedgerBroken, match="checkpoint 1 does not hold: the note carries no"):
        verify(single, Signer(ORIGIN, STRANGER).key.text)


@pytest.mark.slow
@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80])
def test_changing_any_byte_of_an_entry_names_that_entry(single, mask):
    lines = lines_of(single)
    whole = b"".join(lines)
    owner = [seq for seq, line in enumerate(lines) for _ in line]

    for place, seq in enumerate(owner):
        changed = bytearray(whole)
        changed[place] ^= mask
        (single / "entries.jsonl").write_bytes(changed)
        with pytest.raises(LedgerBroken, match=rf"^entry {seq}\b"):
            verify(single, KEY.text)


@pytest.mark.slow
def test_changing_any_byte_in_a_batch_names_the_entry_or_its_batch(batched):
    lines = lines_of(batched)
    whole = b"".join(lines)
    owner = [seq for seq, line in enumerate(lines) for _ in line]
    batches = ["one of entries 0 to 1", "one of entries 2 to 4"]

    for place, seq in enumerate(owner):
        changed = bytearray(whole)
        changed[place] ^= 1
        (batched / "entries.jsonl").write_bytes(changed)
        with pytest.raises(LedgerBroken, match=rf"^(entry {seq}\b|{batches[seq > 1]} )"):
            verify(batched, KEY.text)


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80])
def test_changing_any_byte_of_a_checkpoint_is_found(batched, mask):
    whole = (batched / "checkpoints").read_bytes()

    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= mask
        (batched / "checkpoints").write_bytes(changed)
        with pytest.raises(LedgerBroken, match="checkpoint"):
            verify(batched, KEY.text)


def test_changing_any_byte_of_the_folders_own_key_is_found(batched):
    whole = (batched / "key.pub").read_bytes()

    for place in range(len(whole) - 1):  # the newline at the end is not part of the key
        changed = bytearray(whole)
        changed[place] ^= 1
        (batched / "key.pub").write_bytes(changed)
        with pytest.raises(LedgerBroken):
            verify(batched)


@pytest.mark.parametrize("ledger", ["single", "batched"])
@pytest.mark.parametrize("seq", range(SIZE - 1))
def test_a_deleted_entry_is_named(ledger, seq, request):
    folder = request.getfixturevalue(ledger)
    lines = lines_of(folder)
    put_lines(folder, lines[:seq] + lines[seq + 1 :])

    says = f"entry {seq} is missing: line {seq + 1} holds entry {seq + 1}"
    with pytest.raises(LedgerBroken, match=says):
        verify(folder, KEY.text)


@pytest.mark.parametrize(
    ("first", "second"), [(a, b) for a in range(SIZE) for b in range(a + 1, SIZE)]
)
def test_two_swapped_entries_are_named(batched, first, second):
    lines = lines_of(batched)
    lines[first], lines[second] = lines[second], lines[first]
    put_lines(batched, lines)

    says = (
        f"entry {first} is out of order: line {first + 1} holds entry {second},"
        f" and line {second + 1} holds entry {first}"
    )
    with pytest.raises(LedgerBroken, match=says):
        verify(batched, KEY.text)


@pytest.mark.parametrize("seq", range(SIZE - 1))
def test_a_doubled_entry_is_named(batched, seq):
    lines = lines_of(batched)
    put_lines(batched, [*lines[: seq + 1], *lines[seq:]])

    with pytest.raises(LedgerBroken, match=f"line {seq + 2} holds entry {seq} again"):
        verify(batched, KEY.text)


@pytest.mark.slow
@pytest.mark.parametrize("ledger", ["single", "batched"])
def test_a_tail_cut_at_any_byte_is_named(ledger, request):
    folder = request.getfixturevalue(ledger)
    lines = lines_of(folder)
    whole = b"".join(lines)
    ends = [sum(map(len, lines[:count])) for count in range(SIZE + 1)]

    for size in range(len(whole)):
        (folder / "entries.jsonl").write_bytes(whole[:size])
        seq = sum(size >= end for end in ends) - 1
        says = f"cut off from entry {seq} on" if size in ends else f"entry {seq} was damaged"
        with pytest.raises(LedgerBroken, match=says):
            verify(folder, KEY.text)


def test_a_checkpoint_history_cut_at_any_byte_is_found(batched):
    whole = (batched / "checkpoints").read_bytes()

    for size in range(len(whole)):
        (batched / "checkpoints").write_bytes(whole[:size])
        with pytest.raises(LedgerBroken, match=r"cut off|under no checkpoint"):
            verify(batched, KEY.text)


def test_a_line_added_without_the_key_is_found(single):
    with (single / "entries.jsonl").open("ab") as file:
        file.write(b'{"seq":5,"task":"forged"}\n')

    with pytest.raises(LedgerBroken, match="line 6 and what follows"):
        verify(single, KEY.text)


def test_an_edit_beyond_the_form_is_found_by_the_first_checkpoint_over_it(single):
    lines = lines_of(single)
    lines[2] = lines[2].replace(b"release", b"refusal")
    lines[4] = lines[4].replace(b"release", b"refusal")
    put_lines(single, lines)

    with pytest.raises(LedgerBroken, match=r"^entry 2 \(line 3\) .* was changed"):
        verify(single, KEY.text)


def test_swapped_checkpoints_are_found(single):
    notes, _ = checkpoint.split_history((single / "checkpoints").read_bytes())
    notes[2], notes[3] = notes[3], notes[2]
    (single / "checkpoints").write_bytes(b"".join(note + b"\n" for note in notes))

    with pytest.raises(LedgerBroken, match="checkpoint 4 has 2 entries after one of 3"):
        verify(single, KEY.text)


def rewritten(folder: Path) -> Path:
    """Return a ledger by the same key that says something else from entry 1 on."""
    with open_ledger(folder) as ledger:
        ledger.append(fields(0))
        ledger.append_all([fields(9), fields(9)])
    return folder


def test_a_second_history_under_the_same_key_is_told_from_an_edit(single, tmp_path):
    other = rewritten(tmp_path / "other")
    foreign = checkpoint.split_history((other / "checkpoints").read_bytes())[0][2]
    notes, _ = checkpoint.split_history((single / "checkpoints").read_bytes())
    notes[3] = foreign
    (single / "checkpoints").write_bytes(b"".join(note + b"\n" for note in notes))

    with pytest.raises(LedgerBroken, match="checkpoint of 3 entries is of another history"):
        verify(single, KEY.text)


def test_a_ledger_cut_back_with_its_checkpoints_is_found_by_who_kept_one(single):
    kept = checkpoint.split_history((single / "checkpoints").read_bytes())[0]
    put_lines(single, lines_of(single)[:3])
    (single / "checkpoints").write_bytes(b"".join(note + b"\n" for note in kept[:4]))

    assert verify(single, KEY.text).entries == 3
    assert verify(single, KEY.text, held=kept[2]).entries == 3
    with pytest.raises(
        LedgerBroken, match="ends at 3 entries, and the checkpoint you hold covers 5"
    ):
        verify(single, KEY.text, held=kept[5])


def test_a_rewritten_ledger_is_found_by_who_kept_a_checkpoint(single, tmp_path):
    kept = checkpoint.split_history((single / "checkpoints").read_bytes())[0]
    other = rewritten(tmp_path / "other")

    assert verify(other, KEY.text, held=kept[1]).entries == 3
    with pytest.raises(LedgerBroken, match="the first 2 entries are not those"):
        verify(other, KEY.text, held=kept[2])


def test_a_kept_checkpoint_must_be_signed_by_the_key(single):
    forged = checkpoint.sign(
        checkpoint.Checkpoint(ORIGIN, 1, bytes(32)), Signer(ORIGIN, STRANGER)
    )

    with pytest.raises(LedgerBroken, match="no signature by"):
        verify(single, KEY.text, held=forged)


@pytest.mark.parametrize("name", ["entries.jsonl", "checkpoints", "key.pub"])
def test_a_missing_file_is_named(single, name):
    (single / name).unlink()

    with pytest.raises(LedgerBroken, match=f"{name} cannot be read"):
        verify(single)


def test_the_private_key_signs_what_the_public_key_names():
    assert Signer(ORIGIN, PRIVATE).key == KEY


def test_a_place_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(LedgerBroken, match="nowhere cannot be read: No such file"):
        verify(tmp_path / "nowhere")
