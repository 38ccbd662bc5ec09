"""Sums behind masks over a real server: the bits of the open study, whoever drops out when."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from modelward.artifact import bundle
from modelward.artifact.envelope import Envelope
from modelward.core.canonical import Json
from modelward.core.ports import Engine
from modelward.core.ring import coded_words, ring_bits
from modelward.core.study import Study
from modelward.core.task import MASK_PHASES, Task
from modelward.core.tensors import Schema, TensorSpec
from modelward.core.verdict import Answer
from modelward.engines.inprocess import InProcess
from modelward.engines.jetstream import folders
from modelward.engines.jetstream.at_hub.recorder import Recorder
from modelward.engines.jetstream.messages.task_message import body_of, task_of
from modelward.errors import MessageRefused
from modelward.hub.registry import Registry
from modelward.hub.reported import EVERYBODY, Counted, counted
from modelward.hub.run import Hub, Outcome
from modelward.ledger.archive import read
from modelward.ledger.log import KEY
from modelward.ledger.verify import read_key
from modelward.report.processing.carried import FILE
from modelward.report.processing.carried import read as read_carried
from modelward.report.processing.reconcile import reconcile
from modelward.site.approving.keys import signing_key
from modelward.study.answers import answer_to
from modelward.study.read import parse
from tests.wire import STUDY_FILE, Federation, make_site, now

SITES = ["centre", "east", "north", "south", "west"]
"""Five sites: masks come off with four."""

PLAN = STUDY_FILE.replace("ROUNDS", "2").replace("EXTRA", "quorum = 4")
OPEN = parse(PLAN)
TABLES = '\n[privacy]\naggregation = "secagg"\n[sites]\nminimum = 3\n[report]\n'
MASKED = parse(PLAN + TABLES)
GRID = '[plan.uplink]\ncodec = "int8"\nrange = 0.02\nmax_patients = 200\n'
CODED = parse(PLAN + TABLES + GRID)
FEWER = parse(PLAN + TABLES + GRID + "levels = 25\n")
"""Words of 16 and of 8 bits with five sites."""

engine = pytest.mark.engine
slow = pytest.mark.slow


class Dropping:
    """An engine that does not reach some sites, from an exchange of round 2 on."""

    def __init__(self, behind: Engine, drops: Mapping[str, str]) -> None:
        self._behind, self._drops = behind, drops

    def ask(
        self, task: Task, sites: Sequence[str], *, deadline_s: float | None
    ) -> Iterator[Answer]:
        listed: list[str | None] = [*MASK_PHASES]
        here = listed.index(task.phase) if task.phase else 0
        gone: set[str] = set()
        if task.round_no == 2 and task.kind == "train":
            gone = {site for site, phase in self._drops.items() if here >= listed.index(phase)}
        there = [site for site in sites if site not in gone]
        return self._behind.ask(task, there, deadline_s=deadline_s)


def in_process(folder: Path, study: Study, drops: Mapping[str, str]) -> Outcome:
    """Run a study with every site in workers of this process."""
    places = {n: make_site(folder / n, 60 + 10 * seed, seed) for seed, n in enumerate(SITES)}
    keys = {n: signing_key(path / "site.key").public_key() for n, path in places.items()}
    registry = Registry(folder / "hub")
    try:
        with InProcess([study], places, registry.store.folder, workers=1) as behind:
            return Hub(Dropping(behind, drops), registry, keys).run(study)
    finally:
        registry.close()


def over_wire(
    folder: Path, drops: Mapping[str, str], study: Study = MASKED
) -> tuple[Outcome, Federation]:
    """Run a masked study over a server, with every site in a thread."""
    made = Federation(folder, SITES, study)
    keys = {member.site: member.signing for member in made.hub.members()}
    registry = Registry(made.hub.path)
    with ExitStack() as stack:
        stack.callback(registry.close)
        stack.enter_context(made.server())
        stack.enter_context(Recorder(folders.hub_identity(made.hub), made.hub.path))
        for name in SITES:
            stack.enter_context(made.node(name))
        wire = stack.enter_context(made.engine())
        outcome = Hub(Dropping(wire, drops), registry, keys).run(study)
        await_record(made)
        return outcome, made


def await_record(made: Federation) -> None:
    """Wait until the record has all that the sites' ledgers have, ten seconds at most."""
    end = time.monotonic() + 10
    while any(differences(made, site) for site in SITES) and time.monotonic() < end:
        time.sleep(0.05)


def entries(folder: Path) -> list[Mapping[str, Json]]:
    """Return what a site's ledger holds."""
    return list(read(folder / "ledger", read_key(folder / "ledger" / KEY)).entries())


def differences(made: Federation, site: str) -> list[str]:
    """Return what the wire carried from a site that its ledger does not have, and inversely."""
    key = read_key(made.sites[site] / "ledger" / KEY)
    record = made.hub.path / FILE
    carried = list(read_carried(record)) if record.exists() else []
    return reconcile(entries(made.sites[site]), carried, key).differences


def sum_at(folder: Path) -> Counted:
    """Return what a hub was told for the report."""
    with closing(Registry(folder)) as registry:
        return counted(registry, MASKED)[EVERYBODY]


def same(one: Outcome, other: Outcome) -> None:
    """Hold two runs against each other, bit for bit."""
    assert one.sha256 == other.sha256
    assert [r.metrics for r in one.history] == [r.metrics for r in other.history]
    assert [r.patients for r in one.history] == [r.patients for r in other.history]


@engine
@slow
def test_over_the_wire_behind_masks_as_in_one_process_and_as_in_the_open(tmp_path):
    wired, made = over_wire(tmp_path / "wire", {})

    same(wired, in_process(tmp_path / "masked", MASKED, {}))
    reported = [sum_at(folder) for folder in (made.hub.path, tmp_path / "masked" / "hub")]
    assert reported[0].sites == tuple(SITES)
    assert reported[0].units == reported[1].units
    for name in ("counts.federated", "verdicts", "differences"):
        assert (reported[0].tensors[name] == reported[1].tensors[name]).all(), name
    same(wired, in_process(tmp_path / "open", OPEN, {}))
    for name, folder in made.sites.items():
        ledger = read(folder / "ledger", read_key(folder / "ledger" / KEY))
        left = [e["artifact"] for e in ledger.entries() if e["kind"] == "release"]
        assert set(left) == set(MASK_PHASES), name


@engine
@slow
@pytest.mark.parametrize(
    "phase",
    [
        pytest.param("mask-keys", marks=pytest.mark.exhaustive),
        pytest.param("mask-shares", marks=pytest.mark.exhaustive),
        "masked",
        pytest.param("mask-list", marks=pytest.mark.exhaustive),
    ],
)
def test_a_site_that_drops_out_leaves_the_sum_that_one_process_has(tmp_path, phase):
    wired, _ = over_wire(tmp_path / "wire", {"south": phase})

    same(wired, in_process(tmp_path / "one", MASKED, {"south": phase}))
    assert (phase == "mask-list") == ("south" in wired.history[1].released)


def left_in(folder: Path, exchange: str) -> list[int]:
    """Return the bytes of what a site released in this exchange, about each question."""
    released = [e for e in entries(folder) if e["kind"] == "release"]
    return [int(str(e["bytes"])) for e in released if e["artifact"] == exchange]


def cut_in(folder: Path, round_no: int) -> int:
    """Return how many values a site's ledger says were cut in a round."""
    told = [each for each in entries(folder) if "cut" in each and each["round"] == round_no]
    assert [each["artifact"] for each in told] == ["masked"]
    return int(str(told[0]["cut"]))


@engine
@slow
@pytest.mark.parametrize(
    ("study", "drops"),
    [
        pytest.param(CODED, {"south": "masked"}, id="16 bits, one site away in round 2"),
        pytest.param(FEWER, {}, id="8 bits"),
        pytest.param(
            CODED, {"south": "mask-list"}, id="16 bits, late", marks=pytest.mark.exhaustive
        ),
    ],
)
def test_coded_words_add_up_over_the_wire_as_in_one_process(tmp_path, study, drops):
    wired, made = over_wire(tmp_path / "wire", drops, study)
    here = in_process(tmp_path / "one", study, drops)

    same(wired, here)
    assert [r.clipped for r in wired.history] == [r.clipped for r in here.history]
    assert ("south" in wired.history[1].released) == (drops.get("south") != "masked")
    for record in wired.history:
        booked = {site: cut_in(made.sites[site], record.round_no) for site in record.released}
        assert sum(booked.values()) == record.clipped > 0
    assert {site: differences(made, site) for site in SITES} == {site: [] for site in SITES}
    size, bits = answer_to(study, "train")[1].size, ring_bits(5, study.plan.uplink.steps)
    words = Schema.of(TensorSpec("words", "U8", (coded_words(size, bits) * bits // 8,)))
    updates = words.nbytes + len(bundle.header(words))
    assert left_in(made.sites["east"], "masked").count(updates) == len(wired.history)


def test_the_threshold_of_a_report_travels_with_its_question():
    asked = Task(study=OPEN.sha256, round_no=2, kind="report", model="ab" * 32)
    at = replace(asked, edge=122)

    assert "edge" not in body_of(asked)
    assert task_of(message(at)) == at
    assert at.id != asked.id
    for wrong in (-1, 0.5, "122"):
        with pytest.raises(MessageRefused):
            task_of(message(at, edge=wrong))


def message(task: Task, **changes: object) -> Envelope:
    """Return the message that asks `task`, with changes to its body."""
    body = {**body_of(task), **changes}
    return Envelope(
        kind="task",
        study=task.study,
        round_no=task.round_no,
        sender="hub",
        sequence=1,
        issued=now(),
        expires=now() + timedelta(days=1),
        body={name: value for name, value in body.items() if value != "absent"},  # type: ignore[misc]
    )


OPENLY = Task(study="ab" * 32, round_no=1, kind="train", model="cd" * 32)
LATER = OPENLY.exchange("masked", "ef" * 32)


def test_a_task_message_brings_an_exchange_whole_and_an_open_question_as_ever():
    for task in (OPENLY, OPENLY.exchange("mask-keys", None), LATER):
        assert task_of(message(task)) == task
    assert body_of(OPENLY) == {"kind": "train", "model": "cd" * 32}


@pytest.mark.parametrize(
    "changes",
    [{"told": "absent"}, {"phase": "absent"}, {"phase": "mask-keys"}, {"phase": "masks"}],
)
def test_an_exchange_without_what_was_heard_is_refused_and_so_is_the_contrary(changes):
    with pytest.raises(MessageRefused, match="does not hold a task"):
        task_of(message(LATER, **changes))
