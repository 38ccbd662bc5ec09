"""Under noise and behind masks a study ends with a report too, of what there is to tell."""

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelward.core.study import Study
from modelward.errors import RunMismatch
from modelward.evaluate.findings import Findings
from modelward.evaluate.groups.subgroups import EVERYWHERE
from modelward.hub.found import findings
from modelward.hub.found_together import noise_of
from modelward.hub.registry import Registry
from modelward.hub.reported import EVERYBODY, counted
from modelward.hub.run import Hub
from modelward.report.page import write
from modelward.site.answering.alone import predicted
from tests.hospital import SEEDS, Planned, Wards
from tests.private_studies import PRIVATE
from tests.studies import AVERAGED, cohort_of, make_site, table_study

GROUPS = '\n[report]\ngroups = true\n\n[evaluation]\ngroups = ["smoker", "age:[18,50,120]"]\n'
MASKS = '\n[privacy]\naggregation = "secagg"\n\n[sites]\nminimum = 3\n'
OPEN = table_study(AVERAGED + GROUPS)
MASKED = table_study(AVERAGED + GROUPS + MASKS)
NOISED = table_study(PRIVATE + GROUPS)
BOTH = table_study(
    PRIVATE.replace(
        "[privacy.dp]",
        '[sites]\nminimum = 3\n\n[privacy]\naggregation = "secagg"\n\n[privacy.dp]',
    )
    + "\n[report]\n"
)


def run(
    folder: Path, study: Study, faults: Planned | None = None, kind: str = "report"
) -> Wards:
    """Run `study` to its end; return the hospitals, still open. Noise is the same each time."""
    for name, seed in SEEDS.items() if study.privacy.dp is not None else ():
        make_site(folder / "sites" / name, 500, seed)
        (folder / "sites" / name / "dp.key").write_bytes(bytes([seed]) * 32)
    with closing(Registry(folder / "hub")) as registry:
        wards = Wards(
            folder / "sites", [study], registry.store.folder, faults=faults, kind=kind
        )
        Hub(wards, registry, wards.keys).run(study)
    return wards


def told(folder: Path, study: Study) -> Findings:
    with closing(Registry(folder / "hub")) as registry:
        return findings(registry, study)


def counts_of(folder: Path, wards: Wards, study: Study) -> np.ndarray:
    """Return test units by outcome and bin, of all hospitals, from their rows."""
    with closing(Registry(folder / "hub")) as registry:
        model = registry.model(study, registry.model_of(study, registry.best(study)))
    bins = 100 if study.privacy.dp is None else 16
    found = np.zeros((2, bins))
    for site in wards.hospitals.values():
        each = predicted(model, cohort_of(site, study))
        np.add.at(found, (each.outcome * 1, (each.probability * bins).astype(int)), 1)
    return found


@pytest.fixture(scope="module")
def masked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Findings, np.ndarray, Path]:
    folder = tmp_path_factory.mktemp("masked")
    with closing(run(folder, MASKED)) as wards:
        return told(folder, MASKED), counts_of(folder, wards, MASKED), folder


@pytest.mark.slow
def test_behind_masks_the_model_is_judged_on_the_sum_of_all_counts(masked):
    found, rows, folder = masked
    with closing(Registry(folder / "hub")) as registry:
        (everybody,) = counted(registry, MASKED).values()

    assert (everybody.tensors["counts.federated"] == rows).all()
    assert everybody.units == rows.sum() == found.federated.overall.units
    assert found.federated.overall.accuracy.value == pytest.approx(
        (rows[0, :50].sum() + rows[1, 50:].sum()) / rows.sum()
    )


@pytest.mark.slow
def test_behind_masks_verdicts_are_counted_and_no_hospital_is_told_from_another(
    masked, tmp_path
):
    found, _, folder = masked
    open_folder = tmp_path / "open"
    run(open_folder, OPEN).close()
    apart = told(open_folder, OPEN)

    assert found.verdicts == ()
    assert found.heard is not None
    words = [verdict.word for verdict in apart.verdicts]
    assert found.heard.words == {word: words.count(word) for word in words}
    by_auc = [v.difference.value or 0.0 for v in apart.verdicts if v.metric == "auc"]
    assert found.heard.differences["auc"].hospitals == len(by_auc)
    assert found.heard.differences["auc"].value == pytest.approx(np.mean(by_auc), abs=6e-4)
    assert all(each.auc.value is None for each in found.federated.by_site)
    said = " ".join(write(found, folder / "out").text.read_text().split())
    assert "masks hide what a single hospital says" in said
    assert "Masks hide which hospital came to which verdict" in said
    assert "mean over" in said


@pytest.mark.slow
def test_groups_are_told_where_the_study_asks_for_them_and_add_up_to_everybody(masked):
    found, rows, _ = masked
    assert found.evaluation is not None
    smokers = [g for g in found.evaluation.groups if g.group == "smoker"]

    assert {g.site for g in found.evaluation.groups} == {EVERYWHERE}
    assert sum(g.units or 0 for g in smokers) == rows.sum()
    assert len(found.evaluation.spreads) == 2
    assert {gap.group for gap in found.evaluation.gaps} == {"smoker", "age"}


@pytest.mark.slow
def test_open_sites_tell_groups_one_by_one(tmp_path):
    run(tmp_path, OPEN).close()
    found = told(tmp_path, OPEN)
    assert found.evaluation is not None

    sites = {group.site for group in found.evaluation.groups}
    assert sites == {EVERYWHERE, "north", "south", "west"}
    assert "In groups of patients" in write(found, tmp_path / "out").text.read_text()
    assert any("A hospital's gate left out a level" in note for note in found.record.notes)


@pytest.fixture(scope="module")
def noised(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Findings, np.ndarray, Path, list[Any]]:
    folder = tmp_path_factory.mktemp("noised")
    with closing(run(folder, NOISED)) as wards:
        entries = [dict(e) for e in wards.hospitals["north"].ledger]
        return told(folder, NOISED), counts_of(folder, wards, NOISED), folder, entries


@pytest.mark.slow
def test_noised_counts_are_those_of_the_rows_and_noise_of_the_size_that_is_said(noised):
    _, rows, folder, _ = noised
    with closing(Registry(folder / "hub")) as registry:
        sites = counted(registry, NOISED)
    total = np.sum([each.tensors["counts.federated"] for each in sites.values()], axis=0)
    off = (total - rows) / (noise_of(NOISED) * np.sqrt(3))

    assert len(sites) == 3
    assert 0.6 < off.std() < 1.5  # 32 draws of a normal distribution
    assert not (total == np.rint(total)).any()


@pytest.mark.slow
def test_noise_is_booked_for_the_test_patients_before_it_leaves(noised):
    _, _, _, entries = noised

    reserved = [e for e in entries if e["kind"] == "reservation"]
    assert [str(e["reservation"]).split("/")[1] for e in reserved] == ["train", "test"]
    assert len({e["cohort"] for e in reserved}) == 2
    (release,) = [e for e in entries if e["kind"] == "release" and e["artifact"] == "metrics"]
    booked = [e for e in entries if e["kind"] == "privacy"][-1]
    assert entries.index(booked) < entries.index(release)
    assert release["privacy"]["mechanism"] != "none"


@pytest.mark.slow
def test_under_noise_figures_hold_its_chance_and_no_verdict_is_made_up(noised, tmp_path):
    found, rows, _, _ = noised
    overall = found.federated.overall
    exact = (rows[0, :8].sum() + rows[1, 8:].sum()) / rows.sum()

    assert found.verdicts == ()
    assert found.heard is not None
    assert found.heard.words == {}
    assert overall.accuracy.interval is not None
    assert overall.accuracy.interval.low < exact < overall.accuracy.interval.high
    assert overall.slope.value is None
    said = " ".join(write(found, tmp_path).text.read_text().split())
    assert "Whether a hospital would do better with a model of its own is not told" in said
    assert "noised at each hospital with a standard deviation of" in said
    assert "Differences between groups were not tested." in said
    assert "epsilon = 3" in said


@pytest.mark.slow
def test_noise_and_masks_go_together(tmp_path):
    with closing(run(tmp_path, BOTH)) as wards:
        rows = counts_of(tmp_path, wards, BOTH)
    found = told(tmp_path, BOTH)
    with closing(Registry(tmp_path / "hub")) as registry:
        ((name, everybody),) = counted(registry, BOTH).items()

    assert name == EVERYBODY
    off = (everybody.tensors["counts.federated"] - rows) / (noise_of(BOTH) * np.sqrt(3))
    assert 0.6 < off.std() < 1.5
    assert all(each.auc.value is None for each in found.federated.by_site)
    assert found.federated.overall.units == rows.sum()


@pytest.mark.slow
def test_too_few_behind_masks_and_the_study_ends_without_figures(tmp_path):
    run(tmp_path, MASKED, {("north", 3): "silent"}, kind="report/mask-keys").close()

    with pytest.raises(RunMismatch, match="no site has told"):
        told(tmp_path, MASKED)
    with closing(Registry(tmp_path / "hub")) as registry:
        assert registry.finished(MASKED)


@pytest.mark.slow
def test_a_hub_that_is_started_again_has_the_same_sum(masked):
    _, _, folder = masked
    with closing(Registry(folder / "hub")) as registry:
        before = counted(registry, MASKED)[EVERYBODY].tensors
        with closing(Wards(folder / "sites", [MASKED], registry.store.folder)) as wards:
            Hub(wards, registry, wards.keys).run(MASKED)
        after = counted(registry, MASKED)[EVERYBODY].tensors

    assert all((before[name] == after[name]).all() for name in before)
