"""What every engine keeps to (core/ports.py): one suite, asked of each.

A new engine joins by being listed in `ENGINES`, as what starts it over three hospitals that
have agreed to a few small studies. What an engine answers does not hang on which one it is.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from modelward.artifact import bundle, card
from modelward.core.ports import Engine
from modelward.core.task import Task
from modelward.core.verdict import Release
from modelward.engines.inprocess import InProcess
from modelward.ledger.verify import verify
from modelward.site.approving.keys import signing_key
from tests.wire import Federation, make_site, study

NAMES = ["north", "south", "west"]
STUDIES = [study(rounds) for rounds in range(3, 10)]


@dataclass(frozen=True)
class Running:
    """An engine, its sites' folders, and questions that nobody was asked yet."""

    engine: Engine
    sites: dict[str, Path]
    questions: Iterator[Task]

    def entries(self) -> list[int]:
        """Return how long the sites' ledgers are; they verify."""
        ledgers = [self.sites[name] / "ledger" for name in NAMES]
        return [verify(each).entries if each.exists() else 0 for each in ledgers]

    def ask(self, task: Task, names: list[str] = NAMES) -> list[Release]:
        """Return what the sites answer, each with a release."""
        answers = list(self.engine.ask(task, names, deadline_s=None))
        found = [answer for answer in answers if isinstance(answer, Release)]
        assert len(found) == len(answers)
        return found


def questions() -> Iterator[Task]:
    return iter([Task(study=s.sha256, round_no=0, kind="statistics") for s in STUDIES])


@contextmanager
def in_processes_of_this_machine(folder: Path) -> Iterator[Running]:
    sites = {n: make_site(folder / n, 60 + 10 * k, k) for k, n in enumerate(NAMES)}
    with InProcess(STUDIES, sites, folder / "models", workers=2) as engine:
        yield Running(engine, sites, questions())


@contextmanager
def over_jetstream(folder: Path) -> Iterator[Running]:
    made = Federation(folder, NAMES, *STUDIES)
    with ExitStack() as stack:
        stack.enter_context(made.server())
        for name in NAMES:
            stack.enter_context(made.node(name))
        yield Running(stack.enter_context(made.engine()), made.sites, questions())


ENGINES = [
    pytest.param(in_processes_of_this_machine, id="inprocess"),
    pytest.param(over_jetstream, id="jetstream", marks=[pytest.mark.engine, pytest.mark.slow]),
]


@pytest.fixture(scope="module", params=ENGINES)
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    with request.param(tmp_path_factory.mktemp("engine")) as started:
        yield started


def test_every_site_answers_once(running):
    task = next(running.questions)

    answers = running.ask(task)

    assert sorted(answer.site for answer in answers) == NAMES
    assert {answer.task for answer in answers} == {task.id}


def test_only_the_sites_that_are_asked_answer(running):
    before = running.entries()

    answers = running.ask(next(running.questions), ["west"])

    assert [answer.site for answer in answers] == ["west"]
    assert running.entries()[:2] == before[:2]


def test_nobody_asked_is_nobody_answering(running):
    assert running.ask(next(running.questions), []) == []


def test_an_artifact_is_what_its_card_says_under_the_key_of_its_site(running):
    for answer in running.ask(next(running.questions)):
        found = answer.artifact
        key = signing_key(running.sites[answer.site] / "site.key").public_key()
        card.verify(found.card, key)
        raw = bundle.to_bytes(found.tensors)
        assert sha256(raw).hexdigest() == found.card.sha256
        assert len(raw) == found.card.nbytes


def test_the_same_question_brings_the_same_bytes_and_no_second_entry(running):
    task = next(running.questions)
    first = {answer.site: answer.artifact.card for answer in running.ask(task)}
    entries = running.entries()

    again = {answer.site: answer.artifact.card for answer in running.ask(task)}

    assert again == first
    assert running.entries() == entries


def test_a_question_that_was_left_half_way_does_not_confuse_the_next(running):
    asking = running.engine.ask(next(running.questions), NAMES, deadline_s=None)
    next(asking)
    asking.close()

    other = next(running.questions)
    answers = running.ask(other)

    assert sorted(answer.site for answer in answers) == NAMES
    assert {answer.artifact.card.task for answer in answers} == {other.id}
