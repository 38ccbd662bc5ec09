"""What every engine keeps to (core/ports.py). New ones join by being listed in ENGINES.

An entry makes an engine over three site folders; `workers` are the processes behind it,
which a test may stop or kill. What an engine answers does not depend on which one it is.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Protocol, Self

import pytest

from modelward.artifact import bundle, card
from modelward.core.ports import Engine
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Refusal, Release
from modelward.engines.inprocess import InProcess
from modelward.errors import DataError, EngineFailed
from modelward.hub.registry import Registry
from modelward.hub.run import Hub, Progress
from modelward.ledger.verify import verify
from modelward.site.keys import signing_key
from tests.hospital import PATIENTS, SEEDS
from tests.studies import AVERAGED, make_site, table_study

STUDY = table_study(AVERAGED)
SUMS = Task(study=STUDY.sha256, round_no=0, kind="statistics")
NAMES = sorted(SEEDS)


class Running(Protocol):
    """An engine and the processes behind it."""

    @property
    def engine(self) -> Engine: ...

    def pids(self) -> tuple[int, ...]: ...


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


ENGINES = [OnThisMachine]


@pytest.fixture
def sites(tmp_path: Path) -> dict[str, Path]:
    return {
        name: make_site(tmp_path / "sites" / name, PATIENTS[name], SEEDS[name])
        for name in NAMES
    }


@pytest.fixture(params=ENGINES, ids=lambda kind: kind.__name__)
def running(
    request: pytest.FixtureRequest, tmp_path: Path, sites: dict[str, Path]
) -> Iterator[Running]:
    with request.param([STUDY], sites, tmp_path / "hub" / "models") as started:
        yield started


def entries(folder: Path) -> int:
    return verify(folder / "ledger").entries


def test_every_site_answers_once(running):
    answers = list(running.engine.ask(SUMS, NAMES, deadline_s=None))

    assert sorted(answer.site for answer in answers) == NAMES
    assert all(isinstance(answer, Release) for answer in answers)
    assert {answer.task for answer in answers} == {SUMS.id}


def test_only_the_sites_that_are_asked_answer(running, sites):
    answers = list(running.engine.ask(SUMS, ["west"], deadline_s=None))

    assert [answer.site for answer in answers] == ["west"]
    assert not (sites["north"] / "ledger").exists()


def test_nobody_asked_is_nobody_answering(running):
    assert list(running.engine.ask(SUMS, [], deadline_s=None)) == []


def test_an_artifact_is_what_its_card_says_under_the_key_of_its_site(running, sites):
    for answer in running.engine.ask(SUMS, NAMES, deadline_s=None):
        found = answer.artifact
        card.verify(found.card, signing_key(sites[answer.site] / "site.key").public_key())
        raw = bundle.to_bytes(found.tensors)
        assert sha256(raw).hexdigest() == found.card.sha256
        assert len(raw) == found.card.nbytes


def test_the_same_question_brings_the_same_bytes_and_no_second_entry(running, sites):
    first = {a.site: a.artifact.card for a in running.engine.ask(SUMS, NAMES, deadline_s=None)}
    again = {a.site: a.artifact.card for a in running.engine.ask(SUMS, NAMES, deadline_s=None)}

    assert again == first
    assert [entries(sites[name]) for name in NAMES] == [1, 1, 1]


def test_a_question_that_was_left_half_way_does_not_confuse_the_next(running):
    asking = running.engine.ask(SUMS, NAMES, deadline_s=None)
    next(asking)
    asking.close()

    other = Task(study=STUDY.sha256, round_no=7, kind="statistics")
    answers = list(running.engine.ask(other, NAMES, deadline_s=None))

    assert sorted(answer.site for answer in answers) == NAMES
    assert {answer.artifact.card.task for answer in answers} == {other.id}


@pytest.mark.parametrize("kind", ENGINES)
def test_a_refusal_arrives_as_a_refusal(tmp_path, sites, kind):
    tiny = make_site(tmp_path / "sites" / "tiny", 5, 9)
    with kind([STUDY], {**sites, "tiny": tiny}, tmp_path / "models") as started:
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


def run(kind: type[OnThisMachine], folder: Path, kill: int | None = None) -> str:
    """Run the study in `folder`, killing a worker in round 2 on request; return the hash."""
    places = {n: folder / n for n in NAMES}
    for name, place in places.items():
        if not place.exists():
            make_site(place, PATIENTS[name], SEEDS[name])
    keys = {n: signing_key(places[n] / "site.key").public_key() for n in NAMES}
    registry = Registry(folder / "hub")
    try:
        with kind([STUDY], places, registry.store.folder) as started:
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


@pytest.mark.parametrize("kind", ENGINES)
@pytest.mark.parametrize("worker", [0, 1])
def test_a_dead_worker_is_an_error_and_the_run_resumes_to_the_same_hash(tmp_path, kind, worker):
    with pytest.raises(EngineFailed, match="SIGKILL") as caught:
        run(kind, tmp_path / "killed", worker)
    assert "run the same command again" in caught.value.remedy

    assert run(kind, tmp_path / "killed") == run(kind, tmp_path / "whole")
    # one entry for the sums, then training and validation of three rounds
    assert {entries(tmp_path / "killed" / n) for n in NAMES} == {7}
