"""A hub that lies over a real server: every site that sees it refuses, and has it on record.

Five sites behind one hub that is written here, exchange by exchange: it asks over the wire what
it likes, and tells each site what it likes. docs/privacy.md says what it could learn.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelward.artifact.store import Store
from modelward.core.task import MASK_PHASES, MaskPhase, Task
from modelward.core.tensors import Schema, Tensors
from modelward.core.verdict import Release
from modelward.engines.jetstream.at_hub.hub_end import JetStream
from modelward.ledger.archive import read
from modelward.ledger.log import KEY
from modelward.ledger.verify import read_key
from modelward.privacy.masks import exchange, hub, keys
from modelward.privacy.masks.session import Session
from modelward.privacy.masks.words import read_sums
from modelward.site.approving.keys import signing_key
from modelward.study.agreement import Agreement
from modelward.study.answers import answer_to
from modelward.study.model import initial, model_schema
from modelward.study.scaling import frozen
from tests.contract.test_jetstream_masked import MASKED, SITES
from tests.letters import STRANGER
from tests.wire import Federation

pytestmark = [pytest.mark.engine, pytest.mark.slow]

Change = Callable[[Tensors], Tensors]
"""What a bundle becomes on its way to one site."""

STATISTICS = Task(study=MASKED.sha256, round_no=0, kind="statistics")
CENTRE, EAST, NORTH, SOUTH, WEST = range(5)
"""Rows of the sites in what the hub tells."""


@dataclass
class Liar:
    """A hub that holds the state of a masked sum, and may tell sites something else.

    Attributes:
        wire: How it asks.
        store: Where it puts what it tells.
        sites: Folders of the sites.
        question: Whose answers are summed.
        state: The protocol's state, which honest answers move on.
    """

    wire: JetStream
    store: Store
    sites: Mapping[str, Path]
    question: Task = STATISTICS
    state: hub.State = field(init=False)

    def __post_init__(self) -> None:
        self.state = hub.State(exchange.session_of(self.question, self.schema, self.roster))

    @property
    def roster(self) -> dict[str, str]:
        return {
            name: signing_key(path / "site.key").public_key().public_bytes_raw().hex()
            for name, path in self.sites.items()
        }

    @property
    def schema(self) -> Schema:
        return answer_to(MASKED, self.question.kind)[1]

    @property
    def session(self) -> Session:
        return self.state.session

    @property
    def phase(self) -> MaskPhase:
        return MASK_PHASES[self.state.phase]

    def ask(self, names: list[str], change: Change | None = None) -> dict[str, Release | None]:
        """Ask the exchange that is due, of some sites; None from who refuses."""
        told = None
        if self.state.phase:
            tensors = exchange.told(self.state)
            tensors = tensors if change is None else change(tensors)
            told = self.store.put(tensors, Schema.from_tensors(tensors))[0]
        task = self.question.exchange(self.phase, told)
        answers = self.wire.ask(task, names, deadline_s=30.0)
        found = {each.site: each if isinstance(each, Release) else None for each in answers}
        assert set(found) == set(names), "a refusal is an answer, too"
        return found

    def go_on(self) -> None:
        """Ask everybody honestly, take in what they say, and close the exchange."""
        for name, answer in self.ask(list(SITES)).items():
            assert answer is not None, f"{name} refused an honest exchange"
            said = exchange.read_said(self.session, self.phase, answer.artifact.tensors)
            self.state = hub.receive(self.state, name, said)
        if self.state.phase + 1 < len(MASK_PHASES):
            self.state, _ = hub.close(self.state)

    def caught(self, name: str, change: Change) -> str:
        """Lie to one site; return what its ledger says of it."""
        (answer,) = self.ask([name], change).values()
        assert answer is None, f"{name} believed it"
        return str(self.entries(name)[-1]["findings"])

    def entries(self, name: str) -> list[Mapping[str, Any]]:
        ledger = self.sites[name] / "ledger"
        return list(read(ledger, read_key(ledger / KEY)).entries())


@pytest.fixture(scope="module")
def liar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Liar]:
    made = Federation(tmp_path_factory.mktemp("lying"), SITES, MASKED)
    with ExitStack() as stack:
        stack.enter_context(made.server())
        for name in SITES:
            stack.enter_context(made.node(name))
        wire = stack.enter_context(made.engine())
        yield Liar(wire, Store(made.hub.path / "models"), made.sites)


def row(table: str, at: int, change: Callable[[np.ndarray], np.ndarray]) -> Change:
    """Return a lie about one row of one table."""

    def lie(honest: Tensors) -> Tensors:
        rows = honest[table].copy()
        rows[at] = change(rows[at])
        return {**honest, table: rows}

    return lie


def own_mask_key(advert: np.ndarray) -> np.ndarray:
    """Return an advert with a mask key whose private part the hub knows."""
    mine = np.frombuffer(keys.public_of(bytes(range(32))), np.uint8)
    return np.concatenate([advert[:32], mine, advert[64:]])


def one_more(honest: Tensors) -> Tensors:
    """Return the adverts with those of a site that no approval named."""
    return {**honest, "adverts": np.concatenate([honest["adverts"], honest["adverts"][:1]])}


def flipped(parcels: np.ndarray) -> np.ndarray:
    return np.where(parcels.any(axis=-1, keepdims=True), parcels ^ 1, parcels)


def without(*gone: int) -> Change:
    """Return a list of survivors without some sites."""

    def lie(honest: Tensors) -> Tensors:
        alive = honest["survivors"].copy()
        alive[list(gone)] = 0
        return {**honest, "survivors": alive}

    return lie


def only(*kept: int) -> Change:
    """Return the signatures of some sites alone."""

    def lie(honest: Tensors) -> Tensors:
        signed = np.zeros_like(honest["consents"])
        signed[list(kept)] = honest["consents"][list(kept)]
        return {**honest, "consents": signed}

    return lie


def test_lies_in_every_exchange_are_refused_and_an_honest_sum_is_exact_all_the_same(liar):
    liar.go_on()
    swapped = row("adverts", CENTRE, own_mask_key)
    assert "not signed by the key pinned" in liar.caught("west", swapped)
    assert "adverts:U8[6, 160]" in liar.caught("west", one_more)
    liar.go_on()
    assert "does not open" in liar.caught("west", row("parcels", CENTRE, flipped))
    liar.go_on()
    assert "missing from the list" in liar.caught("west", without(WEST))
    assert "3 of 5 sites are left" in liar.caught("west", without(CENTRE, EAST))
    liar.go_on()
    assert "2 of 5 sites are left" in liar.caught("west", only(CENTRE, EAST))
    liar.go_on()

    sums, units = read_sums(hub.finish(liar.state), liar.schema)
    judged = [e for n in SITES for e in liar.entries(n) if e.get("artifact") == "mask-keys"]
    assert units == sum(int(str(entry["patients"])) for entry in judged)
    assert 0 < sums["known"].max() <= units


def test_two_lists_of_survivors_take_no_mask_off(liar):
    """The hub would have to see shares of the mask key of `west` and of its self mask."""
    sums, _ = read_sums(hub.finish(liar.state), liar.schema)
    first = initial(MASKED, frozen(MASKED, sums))
    digest, _ = liar.store.put(first.tensors, model_schema(MASKED))
    question = Task(study=MASKED.sha256, round_no=1, kind="train", model=digest)
    again = Liar(liar.wire, liar.store, liar.sites, question)
    for _ in range(3):
        again.go_on()

    signed = again.ask(["centre", "east"], without(WEST)) | again.ask(
        ["north", "south", "west"]
    )
    assert None not in signed.values()
    assert "sign another list" in again.caught("centre", lambda honest: honest)
    said = {
        name: exchange.read_said(again.session, "mask-list", answer.artifact.tensors)
        for name, answer in signed.items()
        if answer is not None
    }
    again.state = replace(again.state, phase=4, said=(*again.state.said[:3], said, {}))
    for name in SITES:
        assert "not signed by the key pinned" in again.caught(name, lambda honest: honest)
    for group in ((CENTRE, EAST), (NORTH, SOUTH, WEST)):
        assert "are left" in again.caught(SITES[group[0]], only(*group))

    said_of_it = [e for n in SITES for e in liar.entries(n) if e.get("round") == 1]
    assert "unmask" not in [e["artifact"] for e in said_of_it if e["kind"] == "release"]


def test_a_roster_with_an_invented_site_is_another_study_to_agree_to(liar):
    roster = {**liar.roster, "zoo": STRANGER.public_key().public_bytes_raw().hex()}
    invented = Agreement.of(MASKED, roster)
    liar.wire.tell(SITES, "proposal", MASKED.sha256, 0, invented.body())

    model = liar.store.put({}, Schema.of())[0]
    task = Task(study=MASKED.sha256, round_no=2, kind="train", model=model)
    answers = list(liar.wire.ask(task.exchange("mask-keys", None), SITES, deadline_s=30.0))

    assert not any(isinstance(each, Release) for each in answers)
    assert "roster" in str(liar.entries("north")[-1]["findings"])
