"""Forked single-thread workers on this machine, and the memory they share.

A worker is a copy of this process made after everything was imported, so the end of the
first round does not wait for a second import of torch. It serves one message at a time:
bytes in, bytes out, over a pipe; no pickle, no code. What is large lies in shared memory
that was made before the fork, and only its name or place is in the message.

    static queues     each worker gets its messages in the order given (`assign`: longest first)
    errors            a ModelwardError in a worker is raised here again, in its own class
    death             a worker that dies is noticed at once, and is an EngineFailed
    orphans           workers die with this process, also after kill -9 (PR_SET_PDEATHSIG;
                      the end of the pipe says the same)
    Ctrl-C            reaches this process only; it closes the workers

Linux only: fork, prctl. The thread that makes the workers must outlive them, because the
kernel sends the signal of PR_SET_PDEATHSIG when that thread ends.
"""

import ctypes
import gc
import json
import mmap
import multiprocessing as mp
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from types import TracebackType
from typing import Self

import numpy as np

from modelward import errors
from modelward.core.tensors import FlatF32
from modelward.errors import EngineFailed, ModelwardError

GRACE_S = 2.0
"""Seconds that `close` waits for a worker to finish its message before it kills it."""

_OURS = {signal.SIGINT, signal.SIGTERM}
"""Held back while forking, or a new worker would answer them with this process's handlers."""

_PR_SET_PDEATHSIG = 1
_ANSWER, _ERROR = b"A", b"E"
_CALL = 8
"""Bytes of the number that pairs an answer with the call that asked."""


def assign(sizes: Sequence[float], count: int) -> tuple[tuple[int, ...], ...]:
    """Return which jobs each of `count` workers does, in order.

    Longest processing time first (Graham 1969, SIAM J. Appl. Math. 17/2): the longest job
    left goes to the worker with the least to do; at most 4/3 of the best makespan. The same
    sizes always give the same assignment.

    Args:
        sizes: Expected work per job, any unit.
        count: Workers, at least 1.
    """
    queues: list[list[int]] = [[] for _ in range(count)]
    load = [0.0] * count
    for job in sorted(range(len(sizes)), key=lambda job: (-sizes[job], job)):
        worker = load.index(min(load))
        queues[worker].append(job)
        load[worker] += sizes[job]
    return tuple(map(tuple, queues))


def shared_flats(count: int, size: int) -> list[FlatF32]:
    """Return `count` zeroed float32 vectors of `size` in memory that forked workers share.

    Make them before the workers. Pages are taken when they are first written.
    """
    stride = -(-max(size, 1) * 4 // mmap.PAGESIZE) * mmap.PAGESIZE
    memory = mmap.mmap(-1, stride * count)
    return [
        np.frombuffer(memory, np.float32, count=size, offset=place * stride)
        for place in range(count)
    ]


class Workers:
    """A few forked processes that answer messages.

    Use as a context manager, or call `close`. One thread at a time may use it.

    Args:
        count: Workers, at least 1; one per core.
        serve: Called in a worker with each message; returns the answer.
        nested: Whether it makes workers of its own.
    """

    def __init__(
        self, count: int, serve: Callable[[bytes], bytes], *, nested: bool = False
    ) -> None:
        fork = mp.get_context("fork")
        self._calls = 0
        self._pipes: list[Connection] = []
        self._processes: list[ForkProcess] = []
        sys.stdout.flush()
        sys.stderr.flush()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _OURS)
        gc.freeze()  # a collection in a worker would write to, and so copy, our pages
        try:
            for _ in range(count):
                ours, theirs = fork.Pipe()
                # A worker inherits the pipe ends of those before it and closes them, or
                # else their pipes would not end when this process does.
                inherited = [*self._pipes, ours]
                process = fork.Process(
                    target=_work,
                    args=(serve, theirs, inherited, os.getpid()),
                    daemon=not nested,
                )
                process.start()
                theirs.close()
                self._pipes.append(ours)
                self._processes.append(process)
        finally:
            gc.unfreeze()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def __len__(self) -> int:
        return len(self._processes)

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids, in order."""
        return tuple(process.pid or 0 for process in self._processes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def answers(
        self, queues: Sequence[Sequence[bytes]], *, deadline_s: float | None = None
    ) -> Iterator[tuple[int, int, bytes]]:
        """Serve every message and yield the answers as they arrive.

        A worker has one message at a time. Answers to an earlier call that was left before
        its end are dropped when they come.

        Args:
            queues: Messages of each worker, served in order, each below 32 KiB; at most as
                many queues as workers.
            deadline_s: Seconds after which no more is waited for; for ever if None.

        Yields:
            Worker, place in its queue, and answer.

        Raises:
            EngineFailed: If a worker died.
            ModelwardError: As raised by `serve`, in the same class.
        """
        self._calls += 1
        end = None if deadline_s is None else time.monotonic() + deadline_s
        served = [0] * len(queues)
        for worker, queue in enumerate(queues):
            if queue:
                self._send(worker, queue[0])
        while any(done < len(queue) for done, queue in zip(served, queues, strict=True)):
            arrived = self._wait(len(queues), end)
            if not arrived:
                return
            for worker in arrived:
                answer = self._receive(worker)
                if answer is None:
                    continue
                place = served[worker]
                served[worker] += 1
                if served[worker] < len(queues[worker]):
                    self._send(worker, queues[worker][served[worker]])
                yield worker, place, answer

    def close(self) -> None:
        """End the workers; those still busy after `GRACE_S` seconds are killed."""
        for pipe in self._pipes:
            pipe.close()
        end = time.monotonic() + GRACE_S
        for process in self._processes:
            process.join(max(0.0, end - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()

    def _wait(self, count: int, end: float | None) -> list[int]:
        """Return the workers with something to read; none once the deadline is past."""
        left = None if end is None else max(0.0, end - time.monotonic())
        ready = wait(self._pipes[:count], left)
        return [worker for worker in range(count) if self._pipes[worker] in ready]

    def _send(self, worker: int, message: bytes) -> None:
        try:
            self._pipes[worker].send_bytes(self._calls.to_bytes(_CALL, "big") + message)
        except OSError as error:
            raise self._died(worker) from error

    def _receive(self, worker: int) -> bytes | None:
        """Return the answer that has arrived, or None if it belongs to an earlier call."""
        try:
            raw = self._pipes[worker].recv_bytes()
        except (EOFError, OSError) as error:
            raise self._died(worker) from error
        call, kind, body = raw[:_CALL], raw[_CALL : _CALL + 1], raw[_CALL + 1 :]
        if call != self._calls.to_bytes(_CALL, "big"):
            return None
        if kind == _ERROR:
            raise _error(body)
        return body

    def _died(self, worker: int) -> EngineFailed:
        process = self._processes[worker]
        process.join(GRACE_S)
        code = process.exitcode
        how = f"exit code {code}"
        if code is not None and code < 0:
            how = f"signal {signal.Signals(-code).name}"
        return EngineFailed(
            f"worker {worker} (process {process.pid}) ended with {how}",
            why="a round cannot be completed without the sites that worker serves",
            remedy="run the same command again: what was recorded is safe; if it ended with "
            "SIGKILL, the machine may be short of memory: use fewer --workers",
        )


def _work(
    serve: Callable[[bytes], bytes],
    pipe: Connection,
    inherited: Sequence[Connection],
    parent: int,
) -> None:
    """Answer messages until the pipe ends; runs in the worker."""
    die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _OURS)
    for other in inherited:
        other.close()
    while True:
        try:
            raw = pipe.recv_bytes()
        except (EOFError, ConnectionResetError):
            return
        call, message = raw[:_CALL], raw[_CALL:]
        try:
            answer = _ANSWER + serve(message)
        except ModelwardError as error:
            told = (type(error).__name__, error.what, error.why, error.remedy)
            answer = _ERROR + json.dumps(told).encode()
        try:
            pipe.send_bytes(call + answer)
        except (BrokenPipeError, ConnectionResetError):
            return  # nobody is left to answer


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the call
        os._exit(0)


def _error(told: bytes) -> ModelwardError:
    """Return the error that a worker told of, in its own class."""
    name, what, why, remedy = json.loads(told)
    kind: type[ModelwardError] = getattr(errors, name, ModelwardError)
    return kind(what, why=why, remedy=remedy)
