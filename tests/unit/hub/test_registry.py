"""What the hub remembers outlives a crash; what it does not need goes."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from modelward.core.study import Study
from modelward.errors import RunMismatch, StorageError
from modelward.hub.registry import Registry
from modelward.hub.round import RoundRecord, State, advance
from modelward.hub.standing import AnswerRow
from modelward.study.model import Model, initial
from modelward.study.scaling import Scaling
from tests.disks import largest_file
from tests.studies import AVERAGED, table_study

STUDY = table_study(AVERAGED, ("rounds = 3", "rounds = 9"))
SCALING = Scaling(np.arange(4.0), np.ones(4), np.zeros(4))


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    opened = Registry(tmp_path)
    yield opened
    opened.close()


def begin(registry: Registry, study: Study = STUDY) -> State:
    """Register a study and store its first model."""
    registry.register(study, ["b", "a"])
    start = initial(study, SCALING)
    registry.begin(start)
    return registry.state(study)


def one_round(
    registry: Registry, state: State, loss: float, study: Study = STUDY, *, value: float = 0.0
) -> State:
    """Commit a round after which every parameter is the round's number, plus `value`."""
    number = state.round_no + 1
    parameters = np.full_like(state.parameters, number + value)
    record = RoundRecord(
        round_no=number, released=("a",), refused=("b",), patients=7, metrics={"loss": loss}
    )
    memory = {"momentum": np.full(3, number, np.float32)}
    after = advance(study, state, parameters, memory, record)
    row = AnswerRow(task=f"t{number}", round_no=number, site="a", decision="released")
    registry.commit(Model(study, parameters, SCALING), after, [row], seconds=0.5)
    return after


def test_a_study_is_registered_once_with_its_sites(registry):
    registry.register(STUDY, ["a", "b"])
    registry.register(STUDY, ["b", "a"])

    assert registry.studies() == [STUDY]
    with pytest.raises(RunMismatch, match="with other sites") as caught:
        registry.register(STUDY, ["a", "b", "c"])
    assert caught.value.remedy


def test_before_the_first_model_there_is_no_start(registry):
    registry.register(STUDY, ["a"])

    assert registry.start(STUDY) is None
    assert registry.finished(STUDY) is None
    assert registry.seconds(STUDY) == 0


def test_a_study_goes_on_after_its_last_committed_round(tmp_path):
    registry = Registry(tmp_path)
    state = begin(registry)
    for loss in (0.6, 0.5, float("nan")):
        state = one_round(registry, state, loss)
    registry.close()

    registry = Registry(tmp_path)
    found = registry.state(STUDY)

    assert found.parameters.tolist() == [3.0] * 5
    assert found.optimiser["momentum"].tolist() == [3.0] * 3
    assert repr(found.history) == repr(state.history)  # NaN differs from itself
    assert (found.best, found.round_no) == (2, 3)
    assert registry.seconds(STUDY) == 1.5
    assert [row.task for row in registry.answers(STUDY)] == ["t1", "t2", "t3"]
    start = registry.start(STUDY)
    assert start is not None
    assert start.scaling is not None
    assert start.scaling.center.tolist() == [0, 1, 2, 3]
    registry.close()


def test_the_start_the_best_and_the_last_are_kept_and_nothing_else(registry):
    state = begin(registry)
    for loss in (0.9, 0.5, 0.8, 0.7, 0.4, 0.6, 0.6):
        state = one_round(registry, state, loss)

    kept = {registry.model_of(STUDY, number) for number in (0, 5, 7)}
    stored = {path.stem for path in registry.store.folder.glob("*.safetensors")}
    assert len(kept) == 3
    assert kept < stored
    assert len(stored - kept) == 1, "one memory of the optimiser, the last"
    assert registry.state(STUDY).optimiser["momentum"][0] == 7
    assert registry.model(STUDY, registry.model_of(STUDY, 5)).parameters[0] == 5


def test_what_another_study_needs_is_not_forgotten(registry):
    other = table_study(AVERAGED, ("rounds = 3", "rounds = 8"))
    mine, theirs = begin(registry), begin(registry, other)
    theirs = one_round(registry, theirs, 0.5, other)
    for loss in (0.5, 0.4, 0.3, 0.2):
        mine = one_round(registry, mine, loss)

    assert registry.state(other).parameters.tolist() == [1.0] * 5
    assert registry.state(other).optimiser["momentum"][0] == 1


def test_a_round_is_committed_whole_or_not_at_all(registry):
    state = one_round(registry, begin(registry), 0.5)
    bad = AnswerRow(task="t", round_no=2, site="a", decision=None)  # type: ignore[arg-type]
    record = RoundRecord(round_no=2, released=("a",), metrics={"loss": 0.4})
    after = advance(STUDY, state, state.parameters, {}, record)

    with pytest.raises(StorageError, match="NOT NULL"):
        registry.commit(Model(STUDY, state.parameters, SCALING), after, [bad], seconds=1)

    assert registry.state(STUDY).round_no == 1
    assert len(registry.answers(STUDY)) == 1


def test_a_round_cannot_be_committed_twice(registry):
    state = begin(registry)
    one_round(registry, state, 0.5)

    with pytest.raises(StorageError, match="UNIQUE"):
        one_round(registry, state, 0.4, value=0.5)
    assert registry.state(STUDY).parameters[0] == 1.0


def test_an_answer_that_is_noted_again_is_one_answer(registry):
    registry.register(STUDY, ["a"])
    row = AnswerRow(task="t", round_no=0, site="a", decision="refused")
    registry.note_answers(STUDY, [row])
    registry.note_answers(STUDY, [replace(row, decision="released", bytes=3)])
    registry.note_answers(STUDY, [])

    assert registry.answers(STUDY) == [replace(row, decision="released", bytes=3)]


def test_the_end_of_a_study_is_remembered(registry):
    begin(registry)
    registry.finish(STUDY, "all done")

    assert registry.finished(STUDY) == "all done"


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "registry.sqlite").write_bytes(b"not a database" * 100)

    with pytest.raises(StorageError, match=r"the registry in .* cannot be used"):
        Registry(tmp_path)


@pytest.mark.slow
def test_a_registry_that_could_not_be_made_whole_is_made_when_there_is_room(tmp_path):
    remedies = []
    for number, nbytes in enumerate(range(0, 140_000, 5_000)):
        folder = tmp_path / str(number)
        try:
            with largest_file(nbytes):
                Registry(folder).close()
        except StorageError as error:
            remedies.append(error.remedy)

        registry = Registry(folder)
        one_round(registry, begin(registry), 0.5)
        registry.close()

    assert 5 < len(remedies) < 28
    assert all("free space" in remedy for remedy in remedies)


def test_a_model_that_was_lost_is_told(registry):
    begin(registry)
    registry.store.path(registry.model_of(STUDY, 0)).unlink()

    with pytest.raises(StorageError, match="cannot be read"):
        registry.start(STUDY)


def test_how_far_a_study_is_can_be_told_while_its_models_come_and_go(registry):
    assert registry.rounds(STUDY) == 0
    state = begin(registry)
    for loss in (0.9, 0.5):
        state = one_round(registry, state, loss)
    for path in registry.store.folder.glob("*.safetensors"):
        path.unlink()

    assert registry.rounds(STUDY) == 2


def test_the_database_is_written_ahead_and_to_the_disk(registry, tmp_path):
    begin(registry)
    with sqlite3.connect(tmp_path / "registry.sqlite") as found:
        assert found.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    found.close()
    with registry._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL


def test_how_far_a_study_is_can_be_told_without_its_models(registry):
    state = begin(registry)
    assert registry.begun(STUDY)
    assert (registry.past(STUDY).history, registry.past(STUDY).best) == ((), 0)
    for loss in (0.5, 0.4):
        state = one_round(registry, state, loss)
    for stored in registry.store.folder.iterdir():
        stored.unlink()

    past = registry.past(STUDY)
    assert past.history == state.history
    assert (past.best, registry.rounds(STUDY), registry.best(STUDY)) == (2, 2, 2)


def test_a_study_has_not_begun_before_it_has_a_model(registry):
    registry.register(STUDY, ["a", "b"])

    assert not registry.begun(STUDY)
    assert registry.start(STUDY) is None
