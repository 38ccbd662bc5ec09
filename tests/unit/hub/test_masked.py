"""A study whose hub sees sums only: the same bits as in the open, and who drops out when."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from modelward.core.study import Study
from modelward.core.task import MASK_PHASES, Task
from modelward.core.tensors import Schema, TensorSpec
from modelward.core.verdict import Answer, Refusal
from modelward.errors import EngineFailed, QuorumNotMet
from modelward.hub.registry import Registry
from modelward.hub.run import Hub, Outcome
from modelward.ledger.archive import read
from modelward.ledger.log import KEY
from modelward.ledger.verify import read_key, verify
from tests.hospital import Planned, Wards
from tests.studies import AVERAGED, TABLE, table_study

FIVE = {"north": 1, "south": 2, "west": 3, "east": 4, "centre": 5}
"""Five sites: masks come off with four."""

MASKED = '\n[privacy]\naggregation = "secagg"\n[sites]\nminimum = 3\n'
OPEN_STUDY = table_study(AVERAGED)
STUDY = table_study(AVERAGED + MASKED)
PATIENT = table_study(
    AVERAGED + MASKED, ("rounds = 3", "rounds = 3\nquorum = 4\ndeadline_s = 1.0")
)
OPEN_PATIENT = table_study(AVERAGED, ("rounds = 3", "rounds = 3\nquorum = 4\ndeadline_s = 1.0"))


@contextmanager
def hub(
    folder: Path, study: Study, faults: Planned | None = None, kind: str = "train/masked"
) -> Iterator[tuple[Hub, Wards, Registry]]:
    """A hub and five hospitals that live in `folder`."""
    registry = Registry(folder / "hub")
    wards = Wards(
        folder / "sites", [study], registry.store.folder, faults=faults, kind=kind, seeds=FIVE
    )
    try:
        yield Hub(wards, registry, wards.keys), wards, registry
    finally:
        wards.close()
        registry.close()


def run(
    folder: Path, study: Study, faults: Planned | None = None, kind: str = "train/masked"
) -> Outcome:
    """Run `study` in `folder` to its end."""
    with hub(folder, study, faults, kind) as (coordinator, _, _):
        return coordinator.run(study)


def same_numbers(masked: Outcome, opened: Outcome) -> None:
    """Hold every number of two runs against each other, bit for bit."""
    assert masked.model.parameters.tobytes() == opened.model.parameters.tobytes()
    assert [r.metrics for r in masked.history] == [r.metrics for r in opened.history]
    assert [r.patients for r in masked.history] == [r.patients for r in opened.history]
    assert [r.released for r in masked.history] == [r.released for r in opened.history]


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Path]:
    """The study behind masks, undisturbed, and where it ran."""
    folder = tmp_path_factory.mktemp("masked")
    return run(folder, STUDY), folder


@pytest.fixture(scope="module")
def without_south(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The study in the open, with `south` silent in round 2."""
    folder = tmp_path_factory.mktemp("without")
    return run(folder, OPEN_PATIENT, {("south", 2): "silent"}, "train")


@pytest.mark.slow
def test_masks_change_no_bit_of_model_and_metrics(tmp_path, masked):
    same_numbers(masked[0], run(tmp_path, OPEN_STUDY))


@pytest.mark.slow
def test_newton_sums_behind_masks_give_the_same_bits(tmp_path):
    same_numbers(
        run(tmp_path / "masked", table_study(TABLE + MASKED)),
        run(tmp_path / "open", table_study(TABLE)),
    )


@pytest.mark.slow
@pytest.mark.parametrize("phase", MASK_PHASES[:3])
def test_a_site_that_is_silent_before_its_words_arrive_is_not_in_the_sum(
    tmp_path, phase, without_south
):
    found = run(tmp_path, PATIENT, {("south", 2): "silent"}, f"train/{phase}")

    same_numbers(found, without_south)
    assert found.history[1].silent == ("south",)


@pytest.mark.slow
@pytest.mark.parametrize("phase", MASK_PHASES[3:])
def test_a_site_that_is_silent_afterwards_is_in_the_sum(tmp_path, phase, masked):
    found = run(tmp_path, PATIENT, {("south", 2): "silent"}, f"train/{phase}")

    same_numbers(found, masked[0])


@pytest.mark.slow
@pytest.mark.parametrize("phase", MASK_PHASES)
def test_with_two_of_five_silent_the_round_is_lost_and_goes_on_when_they_are_back(
    tmp_path, phase, masked
):
    faults: Planned = {("south", 2): "silent", ("west", 2): "silent"}
    with pytest.raises(QuorumNotMet, match=r"silent: .*west"):
        run(tmp_path, PATIENT, faults, f"train/{phase}")

    same_numbers(run(tmp_path, PATIENT), masked[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "round_no"), [(f"train/{phase}", 2) for phase in MASK_PHASES]
    + [("statistics/masked", 0), ("evaluate/unmask", 3)]
)  # fmt: skip
def test_hub_and_sites_that_are_killed_anywhere_come_to_the_same_model(
    tmp_path, kind, round_no, masked
):
    with pytest.raises(EngineFailed):
        run(tmp_path, STUDY, {("south", round_no): "crash"}, kind)

    same_numbers(run(tmp_path, STUDY), masked[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("site", "decision"), [("stranger", "rejected"), ("refusing", "refused")]
)
@pytest.mark.parametrize("phase", ["mask-keys", "mask-shares"])
def test_a_site_that_refuses_or_lies_is_out(tmp_path, phase, site, decision, without_south):
    faults: Planned = {("south", 2): site}
    with hub(tmp_path, PATIENT, faults, f"train/{phase}") as (coordinator, _, registry):
        found = coordinator.run(PATIENT)
        told = [a.decision for a in registry.answers(PATIENT) if a.site == "south"]

    assert found.model.parameters.tobytes() == without_south.model.parameters.tobytes()
    assert told.count(decision) == 1
    assert found.history[1].refused == ("south",)


@pytest.mark.slow
def test_a_list_that_was_told_is_not_told_otherwise_when_a_late_site_is_back(tmp_path):
    """Killed after `south` was left out of the keys: it stays out, though it is back."""
    faults: Planned = {("south", 2): "silent"}
    with hub(tmp_path, PATIENT, faults, "train/mask-keys") as (coordinator, wards, _):
        ask = wards.ask

        def stop(
            task: Task, sites: Sequence[str], *, deadline_s: float | None
        ) -> Iterator[Answer]:
            if task.phase == "mask-list" and task.round_no == 2:
                raise EngineFailed("the hub was killed", why="a test", remedy="run again")
            return ask(task, sites, deadline_s=deadline_s)

        wards.ask = stop  # type: ignore[method-assign]
        with pytest.raises(EngineFailed):
            coordinator.run(PATIENT)
    found = run(tmp_path, PATIENT)

    assert found.history[1].released == ("centre", "east", "north", "west")
    assert found.history[2].released == tuple(sorted(FIVE))


@pytest.mark.slow
def test_a_study_that_needs_everybody_waits_for_a_silent_site(tmp_path, masked):
    everybody = table_study(AVERAGED + MASKED, ("rounds = 3", "rounds = 3\ndeadline_s = 1.0"))
    with pytest.raises(QuorumNotMet, match="silent: south"):
        run(tmp_path, everybody, {("south", 2): "silent"})

    same_numbers(run(tmp_path, everybody), masked[0])


@pytest.mark.slow
def test_who_refused_before_a_crash_has_refused_after_it(tmp_path, without_south):
    faults: Planned = {("south", 2): "refusing"}
    with hub(tmp_path, PATIENT, faults, "train/mask-keys") as (coordinator, wards, _):
        ask = wards.ask

        def stop(
            task: Task, sites: Sequence[str], *, deadline_s: float | None
        ) -> Iterator[Answer]:
            if task.phase == "unmask" and task.round_no == 2:
                raise EngineFailed("the hub was killed", why="a test", remedy="run again")
            return ask(task, sites, deadline_s=deadline_s)

        wards.ask = stop  # type: ignore[method-assign]
        with pytest.raises(EngineFailed):
            coordinator.run(PATIENT)
    found = run(tmp_path, PATIENT)

    assert found.history[1].refused == ("south",)
    assert found.model.parameters.tobytes() == without_south.model.parameters.tobytes()


@pytest.mark.slow
def test_sites_sign_no_list_that_shows_one_of_them_by_difference(tmp_path):
    """Without a quorum all wait for all: one that is out of round 2 was in round 1."""
    faults: Planned = {("south", 2): "refusing"}
    with pytest.raises(QuorumNotMet, match="0 of 5 sites are left after 'mask-list'"):
        run(tmp_path, STUDY, faults, "train/mask-keys")
    said = []
    for name in ("centre", "east", "north", "west"):
        ledger = tmp_path / "sites" / name / "ledger"
        entries = read(ledger, read_key(ledger / KEY)).entries()
        said += [str(entry) for entry in entries if entry["kind"] == "refusal"]

    assert len(said) == 4
    assert all("would show the numbers of south" in reason for reason in said)


@pytest.mark.slow
def test_no_bundle_for_sites_is_left_behind(masked):
    _, folder = masked
    registry = Registry(folder / "hub")
    kept = {path.stem for path in registry.store.folder.glob("*.safetensors")}
    models = {registry.model_of(STUDY, round_no) for round_no in (0, 3)}
    registry.close()

    assert models <= kept
    assert len(kept) <= 4


@pytest.mark.slow
def test_the_hub_is_shown_no_answer_and_no_number_of_patients_of_a_site(masked):
    _, folder = masked
    wards = Wards(folder / "sites", [STUDY], folder / "hub" / "models", seeds=FIVE)
    kept = {path.stem for path in (folder / "sites" / "north" / "masks").glob("*.safetensors")}
    entries = [entry for entry in wards.hospitals["north"].ledger if entry["kind"] == "release"]
    outbox = wards.hospitals["north"].door.outbox
    cards = [outbox.artifact(str(e["sha256"]), str(e["task"])).card for e in entries]
    wards.close()

    assert {e["artifact"] for e in entries} == set(MASK_PHASES)
    assert {e["plaintext"] for e in entries if e["artifact"] == "mask-keys"} == kept
    assert kept.isdisjoint({str(e["sha256"]) for e in entries})
    assert {card.patients for card in cards} == {0}
    assert verify(folder / "sites" / "north" / "ledger").entries >= len(entries)


@pytest.mark.slow
def test_masked_words_of_a_site_look_like_noise(masked):
    _, folder = masked
    outbox = folder / "sites" / "north" / "outbox"
    wards = Wards(folder / "sites", [STUDY], folder / "hub" / "models", seeds=FIVE)
    ledger = wards.hospitals["north"].ledger
    sent = [str(e["sha256"]) for e in ledger if e.get("artifact") == "masked"]
    store = wards.hospitals["north"].door.outbox
    words = np.concatenate([store.tensors(digest)["words"] for digest in sent])
    wards.close()

    assert outbox.exists()
    assert len(words) > 1000
    assert abs(np.mean(words > 0) - 0.5) < 0.1
    assert np.median(np.abs(words.astype(np.float64))) > 2**61


def test_a_site_answers_no_open_question_of_such_a_study(tmp_path):
    with hub(tmp_path, STUDY) as (_, wards, registry):
        open_question = Task(study=STUDY.sha256, round_no=0, kind="statistics")
        answer = wards.hospitals["north"].answer(open_question, registry.store)
        (entry,) = wards.hospitals["north"].ledger

    assert isinstance(answer, Refusal)
    assert [each["rule"] for each in entry["findings"]] == ["masks"]  # type: ignore[index, union-attr, call-overload]


@pytest.mark.slow
def test_a_site_is_asked_one_question_of_a_kind_in_a_round(tmp_path):
    with hub(tmp_path, STUDY) as (coordinator, wards, registry):
        coordinator.run(STUDY)
        model = registry.model_of(STUDY, 3)
        other = Task(study=STUDY.sha256, round_no=2, kind="train", model=model)
        north = wards.hospitals["north"]
        answer = north.answer(other.exchange("mask-keys", None), registry.store)
        *_, entry = north.ledger

    assert isinstance(answer, Refusal)
    assert "another session" in str(entry["findings"])


def test_a_bundle_with_a_swapped_key_is_refused_and_recorded(tmp_path):
    question = Task(study=STUDY.sha256, round_no=0, kind="statistics")
    with hub(tmp_path, STUDY) as (_, wards, registry):
        first = question.exchange("mask-keys", None)
        names = sorted(FIVE)
        adverts = np.stack(
            [
                wards.hospitals[name].answer(first, registry.store).artifact.tensors["advert"]  # type: ignore[union-attr]
                for name in names
            ]
        )
        adverts[1, 40] ^= 1  # a byte of the mask key of `east`
        schema = Schema.of(TensorSpec("adverts", "U8", adverts.shape))
        digest, _ = registry.store.put({"adverts": adverts}, schema)
        north = wards.hospitals["north"]
        answer = north.answer(question.exchange("mask-shares", digest), registry.store)
        *_, entry = north.ledger

    assert isinstance(answer, Refusal)
    assert "not signed by the key pinned for it" in str(entry["findings"])


@pytest.mark.slow
def test_noise_is_drawn_and_booked_once_also_behind_masks(tmp_path):
    private = table_study(
        AVERAGED.replace('[stop]\nmetric = "loss"\n', "").replace("rounds = 3", "rounds = 2")
        + MASKED.replace("[sites]", "[privacy.dp]\nepsilon = 3.0\ndelta = 1e-4\n[sites]")
    )
    with pytest.raises(EngineFailed):
        run(tmp_path, private, {("south", 1): "crash"}, "train/mask-list")
    found = run(tmp_path, private)
    with hub(tmp_path, private) as (_, wards, _):
        booked = [e for e in wards.hospitals["south"].ledger if e["kind"] == "privacy"]

    assert len(found.history) == 2
    assert sorted(int(str(e["round"])) for e in booked) == [1, 2]


def test_a_site_without_a_pinned_roster_gives_no_keys(tmp_path):
    with hub(tmp_path, STUDY) as (_, wards, registry):
        wards.hospitals["north"].join(STUDY)
        question = Task(study=STUDY.sha256, round_no=0, kind="statistics")
        answer = wards.hospitals["north"].answer(
            question.exchange("mask-keys", None), registry.store
        )

    assert isinstance(answer, Refusal)
