"""A hub whose sites answer at their own pace: in order, after crashes, in its transcripts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from modelward.core.study import Study
from modelward.core.task import Task
from modelward.errors import EngineFailed, QuorumNotMet
from modelward.hub.buffered import open_rounds, waiting
from modelward.hub.registry import Registry
from modelward.hub.round import RoundRecord
from modelward.hub.run import Hub, Outcome
from modelward.hub.transcript import from_body, of_round, replay
from tests.hospital import Planned, Wards
from tests.replays import check_replays, everything, follow
from tests.studies import AVERAGED, table_study

PLAIN = AVERAGED.replace('\n[stop]\nmetric = "loss"\n', "").replace("rounds = 3", "rounds = 5")
STUDY = table_study(
    PLAIN.replace("[plan]", '[plan]\nstrategy = "fedbuff"') + "\n[plan.buffer]\nsize = 2\n"
)


def slow(lags: Mapping[str, float]) -> Any:
    """Return the order in which sites answer when some are `lags` rounds slower."""

    def order(asked: Mapping[str, Task]) -> Sequence[str]:
        return sorted(asked, key=lambda s: (asked[s].round_no + lags.get(s, 0), s))

    return order


WEST = slow({"west": 2.5})


def run(
    folder: Path, study: Study = STUDY, order: Any = WEST, faults: Planned | None = None
) -> Outcome:
    registry = Registry(folder / "hub")
    wards = Wards(folder / "sites", [study], registry.store.folder, faults=faults)
    try:
        hub = Hub(wards, registry, wards.keys)
        hub.order = order
        return hub.run(study)
    finally:
        wards.close()
        registry.close()


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("done")
    return folder, run(folder)


def test_a_slow_site_holds_nobody_up_and_its_answer_is_used_when_it_comes(done):
    _, outcome = done

    released = [record.released for record in outcome.history]

    assert released[:3] == [("north", "south")] * 3
    assert "west" in released[3]
    assert [record.silent for record in outcome.history] == [()] * 5
    assert [record.waiting.get("west") for record in outcome.history] == [1, 1, 1, None, 5]


def test_which_question_is_open_follows_from_the_finished_rounds():
    history = [
        RoundRecord(round_no=1, released=("a",), refused=("b",)),
        RoundRecord(round_no=2, released=("b",)),
    ]

    assert open_rounds(history, "abc") == {"a": 2, "b": 3, "c": 1}
    assert waiting(history, "abc", ["c"]) == {"a": 2, "b": 3}


@pytest.mark.slow
def test_who_is_slow_changes_the_model_and_the_same_order_gives_the_same_bits(done, tmp_path):
    _, outcome = done

    assert run(tmp_path / "again").sha256 == outcome.sha256
    assert run(tmp_path / "other", order=slow({"north": 3})).sha256 != outcome.sha256


@pytest.mark.slow
@pytest.mark.parametrize("crash", [("south", 1), ("north", 3), ("west", 1)])
def test_a_crash_in_any_round_changes_no_bit(done, tmp_path, crash):
    with pytest.raises(EngineFailed):
        run(tmp_path, faults={crash: "crash"})

    assert run(tmp_path).sha256 == done[1].sha256


def test_every_round_can_be_done_again_from_its_transcript(done, tmp_path):
    folder, outcome = done
    known = everything(folder, tmp_path)
    registry = Registry(folder / "hub")
    said = [of_round(registry, STUDY, number) for number in range(6)]
    registry.close()

    for transcript in said:
        body = transcript.body()
        assert from_body(STUDY.sha256, transcript.round_no, body) == transcript
    check_replays(said, STUDY, known)
    assert said[-1].output == outcome.sha256
    assert said[4].asked_in("west") == 1
    assert said[4].asked_in("north") == 4
    assert "asked_in" not in str(said[1].body())


def test_a_hub_that_says_an_answer_was_newer_than_it_is_is_found(done, tmp_path):
    folder, _ = done
    known = everything(folder, tmp_path)
    registry = Registry(folder / "hub")
    said = [of_round(registry, STUDY, number) for number in range(5)]
    registry.close()
    for transcript in said[:4]:
        follow(transcript, STUDY, known)
    body: Any = said[4].body()

    del next(each for each in body["inputs"] if each["site"] == "west")["asked_in"]

    lie = from_body(STUDY.sha256, 4, body)
    assert replay(said[4], STUDY, known) == said[4].output
    assert replay(lie, STUDY, known) != said[4].output


def test_the_hub_keeps_the_models_that_sites_still_work_on(tmp_path):
    alone = slow({"west": 99})
    run(tmp_path, order=alone)
    registry = Registry(tmp_path / "hub")

    start, last = registry.model_of(STUDY, 0), registry.model_of(STUDY, 5)
    memory = registry.memory_of(STUDY, 5)
    stored = {path.stem for path in registry.store.folder.glob("*.safetensors")}

    assert stored == {start, last, memory}
    registry.close()


def test_models_in_the_middle_go_when_nobody_works_on_them_any_more(done):
    folder, _ = done
    registry = Registry(folder / "hub")
    needed = {registry.model_of(STUDY, number) for number in (0, 4, 5)}  # west is at round 5's
    needed.add(str(registry.memory_of(STUDY, 5)))

    stored = {path.stem for path in registry.store.folder.glob("*.safetensors")}

    assert stored == needed
    registry.close()


@pytest.mark.slow
def test_too_many_refusals_end_the_round_and_the_study_goes_on_later(tmp_path):
    refusing: Planned = {("south", 1): "refusing", ("west", 1): "refusing"}

    with pytest.raises(QuorumNotMet, match="refused: south, west"):
        run(tmp_path, faults=refusing)

    assert len(run(tmp_path, order=slow({})).history) == 5
