"""A site is killed at every wait for the disk of a release; nothing is lost or told twice."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.aggregate.fixed_point import round_update
from modelward.artifact.store import Store
from modelward.core.task import Task
from modelward.core.tensors import Schema, TensorSpec
from modelward.core.verdict import Release
from modelward.gate.door import Door
from modelward.gate.offer import Offer
from modelward.ledger.log import Ledger
from tests.ledgers import morning

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SCHEMA = Schema.of(TensorSpec("w", "F32", (2000,)))
TASK = Task(study="a" * 64, round_no=1, kind="train", model="b" * 64)
WAITS = 5
"""Bundle, card and their names at once; then the entry; then the checkpoint."""


def offer() -> Offer:
    values = np.random.default_rng(0).normal(size=2000).astype(np.float32)
    return Offer(
        task=TASK,
        kind="update",
        tensors={"w": round_update(values)},
        patients=50,
        schema=SCHEMA,
    )


def door(folder: Path) -> tuple[Door, Ledger]:
    ledger = Ledger.open(
        folder / "ledger", origin="modelward/a", private_key=KEY, clock=morning
    )
    return Door("a", KEY, Store(folder / "outbox"), ledger), ledger


def killed_at(folder: Path, number: int) -> bool:
    """Release in a child that dies before its `number`-th wait for the disk; did it?"""
    child = os.fork()
    if not child:
        opened, _ = door(folder)
        real, waits = os.fsync, [0]

        def fsync(fd: Any) -> None:
            waits[0] += 1
            if waits[0] == number:
                os._exit(9)
            real(fd)

        os.fsync = fsync
        opened.decide(TASK, offer, lambda _: ())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 9


@pytest.mark.parametrize("number", range(1, WAITS + 2))
def test_killed_at_any_wait_the_same_bytes_leave_once(tmp_path, number):
    died = killed_at(tmp_path, number)
    opened, ledger = door(tmp_path)

    decided = opened.decided(TASK)
    answer = opened.decide(TASK, offer, lambda _: ())
    releases = [entry for entry in ledger if entry["kind"] == "release"]
    ledger.close()

    assert died == (number <= WAITS), "a release waits for the disk so often"
    assert (decided is not None) == (number >= WAITS - 1), "a whole entry gets its checkpoint"
    assert isinstance(answer, Release)
    assert len(releases) == 1
    assert answer.artifact.tensors["w"].tobytes() == offer().tensors["w"].tobytes()
    assert [path.suffix for path in sorted((tmp_path / "outbox").iterdir())] == [
        ".json", ".safetensors",
    ]  # fmt: skip


def test_a_bundle_torn_after_its_name_was_given_is_written_again(tmp_path):
    killed_at(tmp_path, 1)
    for path in (tmp_path / "outbox").iterdir():
        path.write_bytes(path.read_bytes()[:100])  # power was lost before the bytes were there
    opened, ledger = door(tmp_path)

    answer = opened.decide(TASK, offer, lambda _: ())
    ledger.close()

    assert isinstance(answer, Release)
    assert answer.artifact.tensors["w"].tobytes() == offer().tensors["w"].tobytes()
