"""The engine on this machine, beyond the contract of all (test_engine.py): its processes."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest

from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Refusal, Release
from modelward.engines.inprocess import InProcess
from modelward.errors import DataError, EngineFailed
from modelward.hub.registry import Registry
from modelward.hub.run import Hub, Progress
from modelward.ledger.verify import verify
from modelward.site.approving.keys import signing_key
from tests.hospital import PATIENTS, SEEDS
from tests.studies import AVERAGED, make_site, table_study

STUDY = table_study(AVERAGED)
SUMS = Task(study=STUDY.sha256, round_no=0, kind="statistics")
NAMES = sorted(SEEDS)


class OnThisMachine:
    """engines/inprocess.py with two workers."""

    def __init__(self, studies: list[Study], sites: dict[str, Path], models: Path) -> None:
        self.engine = InProcess(studies, sites, models, workers=2)

    def pids(self) -> tuple[int, ...]:
        return self.engine._workers.pids

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.close()


@pytest.fixture
def sites(tmp_path: Path) -> dict[str, Path]:
    return {
        name: make_site(tmp_path / "sites" / name, PATIENTS[name], SEEDS[name])
        for name in NAMES
    }


@pytest.fixture
def running(tmp_path: Path, sites: dict[str, Path]) -> Iterator[OnThisMachine]:
    with OnThisMachine([STUDY], sites, tmp_path / "hub" / "models") as started:
        yield started


def entries(folder: Path) -> int:
    return verify(folder / "ledger").entries


def test_a_refusal_arrives_as_a_refusal(tmp_path, sites):
    tiny = make_site(tmp_path / "sites" / "tiny", 5, 9)
    with OnThisMachine([STUDY], {**sites, "tiny": tiny}, tmp_path / "models") as started:
        answers = started.engine.ask(SUMS, [*NAMES, "tiny"], deadline_s=None)
        found = {answer.site: answer for answer in answers}

    assert isinstance(found["tiny"], Refusal)
    assert entries(tiny) == 1
    assert all(isinstance(found[name], Release) for name in NAMES)


def test_the_deadline_ends_the_wait_for_a_silent_site(running):
    for pid in running.pids():
        os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    try:
        answers = list(running.engine.ask(SUMS, NAMES, deadline_s=0.3))
    finally:
        for pid in running.pids():
            os.kill(pid, signal.SIGCONT)

    assert answers == []
    assert 0.3 <= time.monotonic() - began < 5
    later = list(running.engine.ask(SUMS, NAMES, deadline_s=None))
    assert sorted(answer.site for answer in later) == NAMES


def test_data_that_do_not_fit_are_told_with_the_name_of_the_site(running, sites):
    (sites["south"] / "data.csv").write_text("patient,age\np,1\n")

    with pytest.raises(DataError, match=r"south: (?s:.*)smoker: no such column"):
        list(running.engine.ask(SUMS, NAMES, deadline_s=None))


def run(folder: Path, kill: int | None = None) -> str:
    """Run the study in `folder`, killing a worker in round 2 on request; return the hash."""
    places = {n: folder / n for n in NAMES}
    for name, place in places.items():
        if not place.exists():
            make_site(place, PATIENTS[name], SEEDS[name])
    keys = {n: signing_key(places[n] / "site.key").public_key() for n in NAMES}
    registry = Registry(folder / "hub")
    try:
        with OnThisMachine([STUDY], places, registry.store.folder) as started:
            watch = in_round_two(lambda: os.kill(started.pids()[kill or 0], signal.SIGKILL))
            if kill is None:
                return Hub(started.engine, registry, keys).run(STUDY).sha256
            return Hub(started.engine, registry, keys, watch=watch).run(STUDY).sha256
    finally:
        registry.close()


def in_round_two(act: Callable[[], None]) -> Callable[[Progress], None]:
    """Return a watch that acts as the sites are asked in round 2."""

    def watch(progress: Progress) -> None:
        if progress.round_no == 2 and progress.answered == 0:
            act()

    return watch


@pytest.mark.parametrize("worker", [0, 1])
def test_a_dead_worker_is_an_error_and_the_run_resumes_to_the_same_hash(tmp_path, worker):
    with pytest.raises(EngineFailed, match="SIGKILL") as caught:
        run(tmp_path / "killed", worker)
    assert "run the same command again" in caught.value.remedy

    assert run(tmp_path / "killed") == run(tmp_path / "whole")
    # one entry for the sums, then training and validation of three rounds
    assert {entries(tmp_path / "killed" / n) for n in NAMES} == {7}
