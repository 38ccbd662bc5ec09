"""The engine over JetStream, beyond the contract of all (test_engine.py).

A real server, certificates, hospitals and ledgers; sites come late, and what they keep counts.
"""

import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Refusal
from modelward.engines.inprocess import InProcess
from modelward.engines.jetstream.loopback import federate
from modelward.hub.registry import Registry
from modelward.hub.run import Hub
from modelward.site.approving.keys import signing_key
from modelward.study.read import parse
from tests.docs.combinations import CNN, WAYS, refused, text_of
from tests.wire import Federation, make_site, study

pytestmark = [pytest.mark.engine, pytest.mark.slow]

STUDIES = [study(rounds) for rounds in range(3, 10)]
STUDY = STUDIES[0]
SUMS, *OTHERS = [Task(study=each.sha256, round_no=0, kind="statistics") for each in STUDIES]
NAMES = ["north", "south", "west"]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    made = Federation(tmp_path_factory.mktemp("wire"), NAMES, *STUDIES)
    with ExitStack() as stack:
        stack.enter_context(made.server())
        for name in NAMES:
            stack.enter_context(made.node(name))
        yield made, stack.enter_context(made.engine())


def test_a_study_that_a_site_has_not_joined_brings_a_refusal_and_no_reason(running):
    _, engine = running
    foreign = Task(study="ab" * 32, round_no=0, kind="statistics")

    answers = list(engine.ask(foreign, ["north"], deadline_s=30))

    assert answers == [Refusal("north", foreign.id)]


def test_the_deadline_ends_the_wait_for_a_silent_site_and_its_late_answer_is_not_used(
    tmp_path,
):
    made = Federation(tmp_path, ["north", "south"], STUDY)
    noted: list[str] = []

    def note(event: str, /, **_: object) -> None:
        noted.append(event)

    with made.server(), made.node("north"), ExitStack() as later:
        engine = later.enter_context(made.engine(note))
        began = time.monotonic()
        first = list(engine.ask(SUMS, ["north", "south"], deadline_s=3))
        took = time.monotonic() - began
        later.enter_context(made.node("south"))
        end = time.monotonic() + 30  # a task that is not fetched is deleted by the next round
        while "answer-late" not in noted and time.monotonic() < end:
            time.sleep(0.05)
        following = replace(SUMS, round_no=1)
        second = list(engine.ask(following, ["north", "south"], deadline_s=None))

    assert [answer.site for answer in first] == ["north"]
    assert 3 <= took < 6
    assert sorted(answer.site for answer in second) == ["north", "south"]
    assert {answer.task for answer in second} == {following.id}
    assert "answer-late" in noted


def in_process(folder: Path, names: list[str], asked: Study) -> str:
    """Return the hash of the same study with every site in this process's workers."""
    places = {n: make_site(folder / n, 60 + 10 * seed, seed) for seed, n in enumerate(names)}
    keys = {n: signing_key(path / "site.key").public_key() for n, path in places.items()}
    registry = Registry(folder / "hub")
    try:
        with InProcess([asked], places, registry.store.folder, workers=1) as engine:
            return Hub(engine, registry, keys).run(asked).sha256
    finally:
        registry.close()


def over_wire(folder: Path, names: list[str], asked: Study) -> str:
    """Return the hash of a study run over separate processes."""
    places = {n: make_site(folder / n, 60 + 10 * seed, seed) for seed, n in enumerate(names)}
    federate(folder / "hub", places, [asked])
    registry = Registry(folder / "hub")
    try:
        return registry.model_of(asked, registry.state(asked).best)
    finally:
        registry.close()


def test_separate_processes_over_mutual_tls_end_with_the_bits_of_one_process(tmp_path):
    assert over_wire(tmp_path / "wire", NAMES, STUDY) == in_process(
        tmp_path / "one", NAMES, STUDY
    )


KEEP = {"scaffold", "feddyn", "own: ditto", "own: apfl", "own: head", "own: head-first"}
"""Ways whose sites keep something between rounds."""


@pytest.mark.exhaustive
@pytest.mark.parametrize("beside", ["", "`[plan.uplink]`"], ids=["plain", "coded"])
@pytest.mark.parametrize("way", [way for way, terms in WAYS.items() if terms.recipe != CNN])
def test_each_way_of_training_over_the_wire_gives_the_bits_of_one_process(
    tmp_path, way, beside
):
    if beside and refused(way, beside):
        pytest.skip("refused, as the table of combinations says")
    asked = parse(text_of(way, beside))

    assert over_wire(tmp_path / "wire", NAMES, asked) == in_process(
        tmp_path / "one", NAMES, asked
    )
    if way in KEEP:
        assert list((tmp_path / "wire" / "north").glob("kept/*/*"))
