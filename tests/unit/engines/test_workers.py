"""Workers: what they answer, and what happens when one of the two sides dies."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.engines.workers import Workers, assign, shared_flats
from modelward.errors import EngineFailed, TrainingFailed


def alive(pid: int) -> bool:
    """Return whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pids: list[int], within_s: float) -> bool:
    """Return whether all processes end within this time."""
    end = time.monotonic() + within_s
    while any(map(alive, pids)) and time.monotonic() < end:
        time.sleep(0.01)
    return not any(map(alive, pids))


def sleep(message: bytes) -> bytes:
    """Serve a message that nobody waits for."""
    time.sleep(60)
    return message


def test_the_longest_job_goes_first_to_whoever_has_least_to_do():
    assert assign([3, 9, 5, 5], 2) == ((1, 0), (2, 3))
    assert assign([], 2) == ((), ())


@given(st.lists(st.integers(0, 1000), max_size=30), st.integers(1, 5))
def test_every_job_is_assigned_once_and_the_load_is_within_four_thirds(sizes, count):
    queues = assign(sizes, count)

    assert sorted(job for queue in queues for job in queue) == list(range(len(sizes)))
    longest = max(sum(sizes[job] for job in queue) for queue in queues)
    # Mean load plus one job is Graham's bound for any list order.
    assert longest <= sum(sizes) / count + max(sizes, default=0)


def test_every_message_is_answered_by_its_worker_in_order():
    with Workers(2, lambda message: message.upper() + str(os.getpid()).encode()) as workers:
        found = sorted(workers.answers([[b"a", b"b", b"c"], [b"d"]]))
        pids = [str(pid).encode() for pid in workers.pids]

    assert found == [
        (0, 0, b"A" + pids[0]),
        (0, 1, b"B" + pids[0]),
        (0, 2, b"C" + pids[0]),
        (1, 0, b"D" + pids[1]),
    ]


def test_large_answers_arrive_whole():
    with Workers(2, lambda message: message * 5_000_000) as workers:
        found = {worker: answer for worker, _, answer in workers.answers([[b"x"], [b"y"]])}

    assert found == {0: b"x" * 5_000_000, 1: b"y" * 5_000_000}


def test_what_a_worker_writes_into_shared_memory_is_seen_here():
    slots = shared_flats(2, 1000)

    def serve(message: bytes) -> bytes:
        slots[int(message)][:] = int(message) + 0.5
        return b""

    with Workers(2, serve) as workers:
        list(workers.answers([[b"0"], [b"1"]]))

    assert (slots[0] == 0.5).all()
    assert (slots[1] == 1.5).all()
    assert slots[0].dtype == np.float32


def test_an_error_in_a_worker_is_raised_here_in_its_own_class_and_the_worker_lives():
    def serve(message: bytes) -> bytes:
        if message == b"bad":
            raise TrainingFailed("the loss became nan", why="because", remedy="lower it")
        return message

    with Workers(1, serve) as workers:
        with pytest.raises(TrainingFailed, match="the loss became nan") as caught:
            list(workers.answers([[b"bad", b"good"]]))
        assert (caught.value.why, caught.value.remedy) == ("because", "lower it")
        assert list(workers.answers([[b"good"]])) == [(0, 0, b"good")]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_that_is_killed_is_noticed_at_once(how):
    with Workers(2, sleep) as workers:
        answers = workers.answers([[b"a"], [b"b"]])
        os.kill(workers.pids[1], how)
        began = time.monotonic()
        with pytest.raises(EngineFailed, match=f"worker 1 .* signal {how.name}"):
            next(answers)
        assert time.monotonic() - began < 1
        os.kill(workers.pids[0], signal.SIGKILL)  # asleep; spare the test the grace period


def test_a_bug_in_a_worker_ends_it_and_is_an_engine_failure(capfd):
    def serve(message: bytes) -> bytes:
        return bytes(1 // len(message))

    with Workers(1, serve) as workers:
        with pytest.raises(EngineFailed, match="exit code 1"):
            list(workers.answers([[b""]]))
        with pytest.raises(EngineFailed):
            list(workers.answers([[b"again"]]))

    assert "ZeroDivisionError" in capfd.readouterr().err


@pytest.mark.slow
def test_after_a_deadline_late_answers_are_dropped():
    def serve(message: bytes) -> bytes:
        time.sleep(3.0 if message == b"slow" else 0.0)
        return message

    with Workers(2, serve) as workers:
        first = list(workers.answers([[b"slow", b"never asked"], [b"fast"]], deadline_s=1.5))
        second = sorted(workers.answers([[b"next"], [b"next"]]))

    assert first == [(1, 0, b"fast")]
    assert second == [(0, 0, b"next"), (1, 0, b"next")]


@pytest.mark.slow
def test_closing_ends_the_workers_even_busy_ones():
    workers = Workers(2, sleep)
    answers = workers.answers([[b"a"]], deadline_s=0.05)
    assert list(answers) == []

    workers.close()

    assert gone(list(workers.pids), 0.5)


PARENT = """
import os, signal, time
from modelward.engines.workers import Workers
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells start `&` without it
workers = Workers(3, lambda message: time.sleep(60) or message)
print(*workers.pids, flush=True)
list(workers.answers([[b"busy"], [], []]))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_die_with_their_parent_however_it_dies(how):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 3
    assert all(map(alive, pids))

    parent.send_signal(how)

    parent.wait(60)
    parent.stdout.close()
    assert gone(pids, 20)


def test_ctrl_c_reaches_the_parent_only():
    with Workers(1, lambda message: message) as workers:
        os.kill(workers.pids[0], signal.SIGINT)

        assert list(workers.answers([[b"still here"]])) == [(0, 0, b"still here")]
