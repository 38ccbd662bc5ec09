"""A trainer that does not answer in time, or not as agreed, is no reason to wait."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from modelward.site.rooms.trainer_line import LONGEST_REPLY, Line

ECHO = "import sys\nfor line in sys.stdin: print('{\"offered\": true}', flush=True)"
SILENT = "import time; time.sleep(60)"


def process(script: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


@pytest.fixture
def silent() -> Iterator[tuple[Line, subprocess.Popen[bytes]]]:
    trainer = process(SILENT)
    assert trainer.stdin is not None
    assert trainer.stdout is not None
    line = Line(trainer.stdin, trainer.stdout, trainer)  # type: ignore[arg-type]
    yield line, trainer
    line.close()


@pytest.mark.slow
def test_a_trainer_that_is_silent_for_too_long_is_ended(silent):
    line, trainer = silent
    began = time.monotonic()

    assert line.ask({"task": "t"}, limit_s=0.3) is None

    assert 0.25 < time.monotonic() - began < 20
    assert trainer.wait(10) == -9


def test_a_trainer_that_answers_in_time_is_not_ended():
    trainer = process(ECHO)
    assert trainer.stdin is not None
    assert trainer.stdout is not None
    line = Line(trainer.stdin, trainer.stdout, trainer)  # type: ignore[arg-type]
    try:
        assert line.ask({"task": "t"}, limit_s=30.0) == {"offered": True}
        assert line.ask({"task": "again"}, limit_s=30.0) == {"offered": True}
        assert trainer.poll() is None
    finally:
        line.close()


def test_a_trainer_at_a_socket_is_hung_up_on():
    ours, theirs = socket.socketpair()
    with ours.makefile("wb") as writes, ours.makefile("rb") as reads:
        line = Line(writes, reads, None, ours)

        assert line.ask({"task": "t"}, limit_s=0.2) is None

        asked = theirs.recv(100)
        assert asked == b'{"task": "t"}\n'
        assert theirs.recv(100) == b"", "the other side sees the end"
        line.close()
    theirs.close()


def test_a_reply_that_is_too_long_is_none():
    long = f"import sys; sys.stdin.readline(); print('x' * {LONGEST_REPLY}, flush=True)"
    trainer = process(long)
    assert trainer.stdin is not None
    assert trainer.stdout is not None
    line = Line(trainer.stdin, trainer.stdout, trainer)  # type: ignore[arg-type]
    try:
        assert line.ask({"task": "t"}, limit_s=30.0) is None
    finally:
        line.close()
