"""The ledger under SIGKILL, Ctrl-C and full disks, for real."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from modelward.errors import StorageError
from modelward.ledger.log import Ledger
from modelward.ledger.verify import verify
from tests.disks import largest_file
from tests.ledgers import KEY, open_ledger

KILLS = 40
A_LEDGER = 10
"""Interrupts a ledger: each is read and verified from its start after every one."""


def write_until_killed(folder: Path, acknowledge: int) -> None:
    """Append the tasks not found yet, in batches of 1 to 4; say each one when it is in."""
    with open_ledger(folder) as ledger:
        number = 0
        while True:
            batch = [str(number + place) for place in range(1 + number % 4)]
            number += len(batch)
            missing = [task for task in batch if ledger.find(task) is None]
            ledger.append_all([{"task": task, "padding": "x" * 300} for task in missing])
            os.write(acknowledge, "".join(f"{task}\n" for task in batch).encode())


def killed_after(folder: Path, delay_s: float) -> set[str]:
    """Let a child write, kill it after `delay_s`, and return what it acknowledged."""
    read, acknowledge = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            write_until_killed(folder, acknowledge)
        finally:
            os._exit(1)
    os.close(acknowledge)
    time.sleep(delay_s)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the child must die by the signal, not by an error"
    with os.fdopen(read) as pipe:
        return set(pipe.read().split())


def kill_again_and_again(folder: Path, kills: int, seed: int) -> None:
    """Kill a writer `kills` times; after each, nothing acknowledged is lost or doubled."""
    delays = random.Random(seed)
    acknowledged: set[str] = set()
    for _ in range(kills):
        acknowledged |= killed_after(folder, delays.uniform(0, 0.04))
        with open_ledger(folder) as ledger:
            tasks = [str(entry["task"]) for entry in ledger]
        assert len(set(tasks)) == len(tasks), "an entry is there twice"
        assert acknowledged <= set(tasks), "an acknowledged entry is lost"
        assert verify(folder, KEY.text).entries == len(tasks)
    assert len(acknowledged) > kills, "the child was killed before it could do anything"


def test_killing_the_writer_at_any_moment_loses_and_doubles_nothing(tmp_path):
    kill_again_and_again(tmp_path / "ledger", KILLS, seed=1)


@pytest.mark.exhaustive
@pytest.mark.slow
def test_killing_the_writer_a_thousand_times_loses_and_doubles_nothing(tmp_path):
    kill_again_and_again(tmp_path / "ledger", 1000, seed=2)


def test_ctrl_c_at_any_moment_loses_nothing_that_was_acknowledged(tmp_path):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    delays, total = random.Random(3), 0
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for number in range(KILLS // A_LEDGER):
            folder, acknowledged = tmp_path / str(number), 0
            for _ in range(A_LEDGER):
                acknowledged += appended_until_interrupted(folder, delays.uniform(0.0001, 0.03))
                with open_ledger(folder) as ledger:
                    assert ledger.size >= acknowledged
                    acknowledged = ledger.size
                assert verify(folder, KEY.text).entries == acknowledged
            total += acknowledged
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert total > KILLS


@contextmanager
def unmeasured() -> Iterator[None]:
    """Measure no coverage: an interrupt in the tracer would leave its lock taken for ever."""
    trace = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(trace)


def appended_until_interrupted(folder: Path, delay_s: float) -> int:
    """Append until a KeyboardInterrupt arrives; return how many were acknowledged."""
    done = 0
    with open_ledger(folder) as ledger, unmeasured():
        try:
            signal.setitimer(signal.ITIMER_REAL, delay_s)
            while True:
                ledger.append({"task": "x"})
                done += 1
        except KeyboardInterrupt:
            with suppress(StorageError):  # it may say: open the ledger again
                ledger.append({"task": "after"})
                done += 1
            return done


def fill(ledger: Ledger, padding: str) -> int:
    """Append until the disk is full; return how many were acknowledged."""
    done, remedy = 0, ""
    while not remedy:
        try:
            ledger.append({"task": str(done), "padding": padding})
            done += 1
        except StorageError as error:
            remedy = error.remedy
    assert "free space" in remedy
    return done


def files(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


@pytest.mark.parametrize(
    ("padding", "full"), [("x" * 2000, "entries.jsonl"), ("", "checkpoints")]
)
def test_a_file_that_cannot_grow_takes_nothing_and_loses_nothing(tmp_path, padding, full):
    with open_ledger(tmp_path) as ledger:
        with largest_file(10_000):
            done = fill(ledger, padding)
            before = files(tmp_path)
            with pytest.raises(StorageError, match=f"{full} could not take"):
                ledger.append_all([{"padding": padding}, {"padding": padding}])
            assert files(tmp_path) == before
        assert verify(tmp_path, KEY.text).entries == ledger.size == done > 3

        assert ledger.append({"task": "more"})["seq"] == done
    assert verify(tmp_path, KEY.text).entries == done + 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 256 KiB; needs the right to mount."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"mounting a small file system is not permitted: {mounted.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.parametrize("padding", ["x" * 3000, ""])
def test_a_full_disk_takes_nothing_and_loses_nothing(small_disk, padding):
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"b" * 150_000)
    with open_ledger(small_disk / "ledger") as ledger:
        done = fill(ledger, padding)
        assert verify(small_disk / "ledger", KEY.text).entries == ledger.size == done > 3

        ballast.unlink()
        assert ledger.append({"task": "more", "padding": padding})["seq"] == done
    assert verify(small_disk / "ledger", KEY.text).entries == done + 1


def test_a_ledger_that_was_closed_on_a_full_disk_opens_again(small_disk):
    with open_ledger(small_disk / "ledger") as ledger:
        done = fill(ledger, "x" * 3000)
    with open_ledger(small_disk / "ledger") as ledger:
        assert ledger.size == done


def test_a_ledger_on_a_disk_without_space_is_not_begun(small_disk):
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"b" * 262_144)

    with pytest.raises(StorageError) as caught:
        open_ledger(small_disk / "ledger")
    assert caught.value.remedy

    ballast.unlink()
    open_ledger(small_disk / "ledger").close()
    assert verify(small_disk / "ledger", KEY.text).entries == 0
