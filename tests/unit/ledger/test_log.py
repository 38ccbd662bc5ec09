"""What was acknowledged stays; what a crash left is repaired; what was edited is refused."""

import os
import signal
from collections.abc import Callable
from datetime import datetime

import pytest

from modelward.errors import BadArtifact, LedgerBroken, StorageError
from modelward.ledger import merkle
from modelward.ledger.log import Ledger
from modelward.ledger.verify import verify
from tests.ledgers import KEY, ORIGIN, PRIVATE, STRANGER, fields, morning, open_ledger, write


def test_an_appended_entry_is_numbered_dated_and_found(tmp_path):
    with open_ledger(tmp_path / "deep" / "folder") as ledger:
        first = ledger.append({"task": "a"})
        second, third = ledger.append_all([{"task": "b"}, {"task": "a", "x": 1.5}])

        assert first == {
            "salt": first["salt"],
            "seq": 0,
            "task": "a",
            "time": "2026-11-20T09:30:00Z",
        }
        assert list(ledger) == [first, second, third]
        assert ledger.find("a") == third
        assert ledger.find("b") == second
        assert ledger.find("c") is None


def test_size_and_root_are_those_of_the_lines_on_disk(tmp_path):
    with open_ledger(tmp_path) as ledger:
        ledger.append_all([fields(0), fields(1), fields(2)])

        lines = (tmp_path / "entries.jsonl").read_bytes().splitlines()
        assert ledger.size == 3
        assert ledger.root == merkle.root([merkle.leaf_hash(line) for line in lines])


def test_a_batch_is_signed_once(tmp_path):
    assert verify(write(tmp_path, [1, 40]), KEY.text).checkpoints == 3


def test_an_empty_batch_changes_nothing(tmp_path):
    with open_ledger(tmp_path) as ledger:
        before = (tmp_path / "checkpoints").read_bytes()

        assert ledger.append_all([]) == ()
        assert (tmp_path / "checkpoints").read_bytes() == before


def test_a_reopened_ledger_goes_on_and_still_finds_its_answers(tmp_path):
    write(tmp_path, [2])
    with open_ledger(tmp_path) as ledger:
        ledger.append(fields(2))

        assert [entry["seq"] for entry in ledger] == [0, 1, 2]
        found = ledger.find("t1")
        assert found is not None
        assert found["sha256"] == "01010101"
    assert verify(tmp_path, KEY.text).entries == 3


def test_reopening_signs_nothing_new(tmp_path):
    write(tmp_path, [2])
    before = (tmp_path / "checkpoints").read_bytes()
    write(tmp_path, [])

    assert (tmp_path / "checkpoints").read_bytes() == before


def test_one_bad_entry_keeps_its_whole_batch_out(tmp_path):
    with open_ledger(tmp_path) as ledger:
        for bad in ({"seq": 7}, {"x": float("nan")}, {"x": 1e16}):
            with pytest.raises(BadArtifact):
                ledger.append_all([fields(0), bad])
        ledger.append(fields(0))
    assert verify(tmp_path, KEY.text).entries == 1


def test_a_clock_without_a_zone_keeps_the_entry_out(tmp_path):
    def naive() -> datetime:
        return morning().replace(tzinfo=None)

    with (
        Ledger.open(tmp_path, origin=ORIGIN, private_key=PRIVATE, clock=naive) as ledger,
        pytest.raises(BadArtifact, match="without a time zone"),
    ):
        ledger.append(fields(0))
    assert verify(tmp_path, KEY.text).entries == 0


def test_a_second_writer_is_refused_until_the_first_closes(tmp_path):
    with open_ledger(tmp_path):
        with pytest.raises(StorageError, match="held by another process"):
            open_ledger(tmp_path)
        assert in_child(lambda: open_ledger(tmp_path)) == "StorageError"
    open_ledger(tmp_path).close()


def in_child(act: Callable[[], object]) -> str:
    """Run `act` in a forked process; return the name of what it raised, or ""."""
    read, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - the parent looks at its name
            os.write(write_end, type(error).__name__.encode())
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said


def test_a_forked_child_cannot_write_the_ledger(tmp_path):
    with open_ledger(tmp_path) as ledger:
        assert in_child(lambda: ledger.append(fields(0))) == "StorageError"

        ledger.append(fields(0))
    assert verify(tmp_path, KEY.text).entries == 1


def test_a_worker_that_outlives_its_parent_does_not_hold_the_lock(tmp_path):
    read, write_end = os.pipe()
    parent = os.fork()
    if parent == 0:
        open_ledger_forever = open_ledger(tmp_path)
        if os.fork() == 0:
            os.write(write_end, str(os.getpid()).encode())
        signal.pause()
        open_ledger_forever.close()
        os._exit(0)
    worker = int(os.read(read, 20))
    try:
        with pytest.raises(StorageError, match="held by another process"):
            open_ledger(tmp_path)
        os.kill(parent, signal.SIGKILL)
        os.waitpid(parent, 0)

        open_ledger(tmp_path).close()
    finally:
        os.kill(worker, signal.SIGKILL)
        os.close(read)
        os.close(write_end)


def test_a_closed_ledger_takes_nothing(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.close()
    ledger.close()

    with pytest.raises(StorageError, match="closed"):
        ledger.append(fields(0))


def test_another_key_or_name_cannot_go_on_with_a_ledger(tmp_path):
    write(tmp_path, [1])

    for origin, private in ((ORIGIN, STRANGER), ("modelward/hungary", PRIVATE)):
        with pytest.raises(LedgerBroken, match="no signature by"):
            Ledger.open(tmp_path, origin=origin, private_key=private, clock=morning)
    assert verify(tmp_path).key == KEY.text


def test_a_lost_public_key_is_written_again(tmp_path):
    write(tmp_path, [1])
    (tmp_path / "key.pub").unlink()

    assert verify(write(tmp_path, [])).key == KEY.text


def test_a_folder_that_cannot_be_written_is_refused_with_a_way_forward(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StorageError) as caught:
        open_ledger(tmp_path / "file")
    assert caught.value.remedy


def test_a_folder_with_something_else_in_it_is_refused_with_a_way_forward(tmp_path):
    (tmp_path / "entries.jsonl").mkdir()

    with pytest.raises(StorageError, match="cannot be opened: Is a directory") as caught:
        open_ledger(tmp_path)
    assert "writable" in caught.value.remedy


# What a crash leaves: the first `kept` bytes of a write that was not acknowledged.


@pytest.mark.slow
def test_a_crash_at_any_byte_of_an_append_loses_nothing_that_was_acknowledged(tmp_path):
    write(tmp_path, [2])
    before = {name: (tmp_path / name).read_bytes() for name in ("entries.jsonl", "checkpoints")}
    write(tmp_path, [2])
    after = {name: (tmp_path / name).read_bytes() for name in before}
    old, new = before["entries.jsonl"], after["entries.jsonl"]
    crashes = [(new[:kept], before["checkpoints"]) for kept in range(len(old), len(new) + 1)]
    signed = after["checkpoints"]
    crashes += [(new, signed[:kept]) for kept in range(len(before["checkpoints"]), len(signed))]

    for entries, checkpoints in crashes:
        (tmp_path / "entries.jsonl").write_bytes(entries)
        (tmp_path / "checkpoints").write_bytes(checkpoints)
        with open_ledger(tmp_path) as ledger:
            assert ledger.size == entries.count(b"\n")
            ledger.append({"task": "next"})
        assert verify(tmp_path, KEY.text).entries == entries.count(b"\n") + 1


def test_a_crash_at_any_byte_of_the_creation_is_made_good(tmp_path):
    write(tmp_path, [])
    whole = (tmp_path / "checkpoints").read_bytes()

    for kept in range(len(whole)):
        (tmp_path / "checkpoints").write_bytes(whole[:kept])
        (tmp_path / "key.pub").unlink()
        open_ledger(tmp_path).close()
        assert verify(tmp_path, KEY.text).entries == 0


@pytest.mark.parametrize("tail", [b"\0" * 50, b"\0" * 50 + b"\n", b"{}\n", b'{"seq":3}\n'])
def test_rubbish_after_the_last_checkpoint_is_cut_off(tmp_path, tail):
    write(tmp_path, [2])
    with (tmp_path / "entries.jsonl").open("ab") as file:
        file.write(tail)

    assert verify(write(tmp_path, [1]), KEY.text).entries == 3


def test_entries_that_were_signed_are_never_repaired(tmp_path):
    write(tmp_path, [1, 2])
    whole = (tmp_path / "entries.jsonl").read_bytes()

    for kept in range(len(whole)):
        (tmp_path / "entries.jsonl").write_bytes(whole[:kept])
        with pytest.raises(LedgerBroken, match="not the 3 entries that were signed"):
            open_ledger(tmp_path)
        assert (tmp_path / "entries.jsonl").read_bytes() == whole[:kept]


def test_an_edited_entry_keeps_the_ledger_closed(tmp_path):
    write(tmp_path, [1, 2])
    whole = (tmp_path / "entries.jsonl").read_bytes()

    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1
        (tmp_path / "entries.jsonl").write_bytes(changed)
        with pytest.raises(LedgerBroken):
            open_ledger(tmp_path)


def test_an_edit_is_refused_also_when_a_crash_left_entries_after_it(tmp_path):
    write(tmp_path, [1])
    one = (tmp_path / "entries.jsonl").read_bytes()
    signed = (tmp_path / "checkpoints").read_bytes()
    write(tmp_path, [1])
    two = (tmp_path / "entries.jsonl").read_bytes()[len(one) :]
    (tmp_path / "entries.jsonl").write_bytes(one.replace(b"release", b"refusal") + two)
    (tmp_path / "checkpoints").write_bytes(signed)

    with pytest.raises(LedgerBroken, match="not the 1 entries"):
        open_ledger(tmp_path)


def test_entries_without_any_checkpoint_are_refused(tmp_path):
    write(tmp_path, [1])
    (tmp_path / "checkpoints").write_bytes(b"")

    with pytest.raises(LedgerBroken, match="no checkpoint was ever signed"):
        open_ledger(tmp_path)


def test_an_edited_last_checkpoint_is_refused(tmp_path):
    write(tmp_path, [1, 1])
    whole = (tmp_path / "checkpoints").read_bytes()
    (tmp_path / "checkpoints").write_bytes(whole.replace(b"\n2\n", b"\n1\n"))

    with pytest.raises(LedgerBroken, match="does not fit its text"):
        open_ledger(tmp_path)
