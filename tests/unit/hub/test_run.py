"""The hub over honest, silent, broken and lying hospitals, and after every crash."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from modelward.core.study import Study
from modelward.errors import EngineFailed, QuorumNotMet
from modelward.hub.registry import Registry
from modelward.hub.run import Hub, Outcome, Progress
from modelward.ledger.verify import verify
from tests.hospital import LIES, SEEDS, Planned, Wards
from tests.studies import AVERAGED, TABLE, cohort_of, hospital, table_study

STUDY = table_study(AVERAGED)
ALL = table_study(AVERAGED, ("rounds = 3", "rounds = 3\nquorum = 3"))
PATIENT = table_study(AVERAGED, ("rounds = 3", "rounds = 3\nquorum = 2\ndeadline_s = 1.0"))


@contextmanager
def hub(
    folder: Path, study: Study = STUDY, faults: Planned | None = None, kind: str = "train"
) -> Iterator[tuple[Hub, Wards, Registry]]:
    """A hub and three hospitals that live in `folder`."""
    registry = Registry(folder / "hub")
    wards = Wards(folder / "sites", [study], registry.store.folder, faults=faults, kind=kind)
    try:
        yield Hub(wards, registry, wards.keys), wards, registry
    finally:
        wards.close()
        registry.close()


def run(folder: Path, study: Study = STUDY, faults: Planned | None = None) -> Outcome:
    """Run `study` in `folder` to its end."""
    with hub(folder, study, faults) as (coordinator, _, _):
        return coordinator.run(study)


def check_ledgers(folder: Path) -> None:
    """Hold every ledger against its key; no task is decided twice."""
    for name in SEEDS:
        site = hospital(folder / "sites" / name, name)
        tasks = [entry["task"] for entry in site.ledger]
        site.close()
        assert len(tasks) == len(set(tasks))
        assert verify(folder / "sites" / name / "ledger").entries == len(tasks)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What the study ends with when nothing goes wrong."""
    return run(tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What it ends with when one site refuses one round."""
    folder = tmp_path_factory.mktemp("refused")
    return run(folder, STUDY, {("south", 2): "refusing"})


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What it ends with when every round needs all three."""
    return run(tmp_path_factory.mktemp("together"), ALL)


def test_a_study_runs_to_its_end_and_learns_something(undisturbed):
    first, *_, last = undisturbed.history

    assert undisturbed.reason == "all 3 rounds are done"
    assert [record.round_no for record in undisturbed.history] == [1, 2, 3]
    assert last.released == ("north", "south", "west")
    assert last.metrics["loss"] < first.metrics["loss"] < np.log(2)
    assert undisturbed.kept_round == 3


def test_the_same_study_in_another_folder_ends_with_the_same_hash(tmp_path, undisturbed):
    assert run(tmp_path).sha256 == undisturbed.sha256


@pytest.mark.parametrize("turn", [1, 2, -1])
def test_whoever_answers_first_changes_no_bit(tmp_path, undisturbed, turn):
    def order(sites: Sequence[str]) -> Sequence[str]:
        return sites[::-1] if turn < 0 else [*sites[turn:], *sites[:turn]]

    registry = Registry(tmp_path / "hub")
    wards = Wards(tmp_path / "sites", [STUDY], registry.store.folder, order=order)
    found = Hub(wards, registry, wards.keys).run(STUDY)
    wards.close()
    registry.close()

    assert [site for site, _, _ in wards.asked[:3]] != sorted(SEEDS)
    assert found.sha256 == undisturbed.sha256


def test_a_second_copy_of_an_answer_changes_nothing(tmp_path, undisturbed):
    faults: Planned = {("south", 2): "twice", ("north", 3): "twice"}

    assert run(tmp_path, STUDY, faults).sha256 == undisturbed.sha256


def test_a_refusal_is_an_answer_and_the_round_goes_on(refused):
    assert [record.refused for record in refused.history] == [(), ("south",), ()]
    assert refused.history[1].released == ("north", "west")


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_rejected_and_the_round_is_that_of_the_others(tmp_path, refused, lie):
    with hub(tmp_path, STUDY, {("south", 2): lie}) as (coordinator, _, registry):
        found = coordinator.run(STUDY)
        told = [a.decision for a in registry.answers(STUDY) if a.site == "south"]

    assert found.sha256 == refused.sha256
    assert told.count("rejected") == 1


def test_statistics_that_are_not_numbers_are_rejected_before_the_first_round(tmp_path):
    faults: Planned = {(site, 0): "nan" for site in SEEDS}

    with (
        hub(tmp_path, STUDY, faults, "statistics") as (coordinator, _, _),
        pytest.raises(QuorumNotMet, match="refused: north, south, west"),
    ):
        coordinator.run(STUDY)


def test_a_silent_site_stops_a_study_without_quorum_and_is_named(tmp_path):
    with pytest.raises(
        QuorumNotMet, match=r"round 2: 2 sites released .*silent: west"
    ) as caught:
        run(tmp_path, STUDY, {("west", 2): "silent"})

    assert "finished rounds are kept" in caught.value.remedy


@pytest.mark.parametrize("fault", ["silent", "late"])
def test_a_quorum_goes_on_without_a_straggler(tmp_path, fault):
    found = run(tmp_path, PATIENT, {("west", 2): fault})

    assert [record.silent for record in found.history] == [(), ("west",), ()]
    assert found.history[2].released == ("north", "south", "west")
    check_ledgers(tmp_path)


@pytest.mark.slow
def test_a_late_answer_counts_in_no_other_round(tmp_path):
    silent = run(tmp_path / "silent", PATIENT, {("west", 2): "silent"})
    late = run(tmp_path / "late", PATIENT, {("west", 2): "late"})

    assert late.sha256 == silent.sha256


def test_too_few_for_the_quorum_is_an_error(tmp_path):
    faults: Planned = {("west", 1): "silent", ("north", 1): "refusing"}

    with pytest.raises(QuorumNotMet, match=r"1 sites released .*refused: north; silent: west"):
        run(tmp_path, PATIENT, faults)


def test_a_small_site_refuses_by_itself_and_the_others_go_on(tmp_path):
    study = table_study(AVERAGED, ("min_patients = 10", "min_patients = 60"))

    with hub(tmp_path, study) as (coordinator, wards, _):
        training = {n: cohort_of(s, study).count("train") for n, s in wards.hospitals.items()}
        found = coordinator.run(study)

    assert [name for name, count in training.items() if count < 60] == ["west"]
    assert all(record.refused == ("west",) for record in found.history)


def test_validation_that_every_gate_refuses_leaves_the_last_round(tmp_path):
    few = table_study(AVERAGED, ("validation = 0.2", "validation = 0.01"))

    found = run(tmp_path, few)

    assert np.isnan(found.history[-1].metrics["loss"])
    assert found.kept_round == 3


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["statistics", "train", "evaluate"])
@pytest.mark.parametrize("site", SEEDS)
def test_a_broken_wire_at_any_question_is_resumed_to_the_same_hash(
    tmp_path, undisturbed, kind, site
):
    round_no = 0 if kind == "statistics" else 2
    with (
        hub(tmp_path, STUDY, {(site, round_no): "crash"}, kind) as (coordinator, _, _),
        pytest.raises(EngineFailed),
    ):
        coordinator.run(STUDY)

    with hub(tmp_path) as (coordinator, wards, _):
        assert coordinator.run(STUDY).sha256 == undisturbed.sha256
        again = {asked for _, asked, _ in wards.asked}
    assert again == ({0, 1, 2, 3} if kind == "statistics" else {2, 3})
    check_ledgers(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["silent", "refusing", "nan", "replay"])
def test_a_study_that_stopped_goes_on_with_the_rounds_it_has(tmp_path, together, fault):
    with pytest.raises(QuorumNotMet):
        run(tmp_path, ALL, {("north", 2): fault})

    resumed = run(tmp_path, ALL)

    assert resumed.sha256 == together.sha256
    assert all(len(record.released) == 3 for record in resumed.history)
    check_ledgers(tmp_path)


def test_a_finished_study_is_not_asked_about_again(tmp_path, undisturbed):
    run(tmp_path)

    with hub(tmp_path) as (coordinator, wards, registry):
        assert coordinator.run(STUDY).sha256 == undisturbed.sha256
        assert wards.asked == []
        assert registry.finished(STUDY) == "all 3 rounds are done"


def test_whoever_watches_sees_every_answer_and_every_round(tmp_path):
    seen: list[Progress] = []
    registry = Registry(tmp_path / "hub")
    wards = Wards(tmp_path / "sites", [STUDY], registry.store.folder)
    ticks = iter(range(100))
    Hub(wards, registry, wards.keys, watch=seen.append, clock=lambda: float(next(ticks))).run(
        STUDY
    )

    finished = [p.finished.round_no for p in seen if p.finished]
    assert finished == [1, 2, 3]
    assert [p.answered for p in seen if p.kind == "statistics"] == [0, 1, 2, 3]
    assert registry.seconds(STUDY) == 3.0
    wards.close()
    registry.close()


def test_newton_over_the_wire_ends_where_the_coefficients_stand_still(tmp_path):
    study = table_study(TABLE)

    found = run(tmp_path, study)

    assert found.reason.startswith("converged")
    assert found.history[-1].moved <= study.stop.tolerance


@pytest.mark.slow
def test_who_was_combined_stays_so_when_the_hub_dies_before_validation(tmp_path):
    faults: Planned = {("south", 2): "silent"}
    expected = run(tmp_path / "whole", PATIENT, faults)

    def die(progress: Progress) -> None:
        if (progress.kind, progress.round_no) == ("evaluate", 2):
            raise EngineFailed("the hub dies", why="a test kills it", remedy="run again")

    with (
        hub(tmp_path / "cut", PATIENT, faults) as (_, wards, registry),
        pytest.raises(EngineFailed, match="dies"),
    ):
        Hub(wards, registry, wards.keys, watch=die).run(PATIENT)
    found = run(tmp_path / "cut", PATIENT)  # south would answer now, and is too late

    assert found.sha256 == expected.sha256
    assert found.history[1].silent == ("south",)


def test_every_committed_round_is_published_before_the_next_is_asked(tmp_path):
    published: list[int] = []
    with hub(tmp_path) as (_, wards, registry):
        Hub(
            wards,
            registry,
            wards.keys,
            publish=lambda _, round_no: published.append(round_no),
            watch=lambda progress: published_up_to(progress, published),
        ).run(STUDY)
        Hub(wards, registry, wards.keys, publish=lambda _, no: published.append(no)).run(STUDY)

    assert published == [0, 1, 2, 3, 3]


def published_up_to(progress: Progress, published: list[int]) -> None:
    if progress.kind == "train" and progress.finished is None:
        assert published[-1] == progress.round_no - 1
