"""A hub's report on a finished study is that of a simulation, where figures exist in both."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from modelward.core.study import Study
from modelward.errors import EngineFailed, RunMismatch, StudyFileError
from modelward.evaluate.facts.record import NOT_POOLED
from modelward.evaluate.findings import Findings, find
from modelward.evaluate.measures.intervals import SEED
from modelward.hub.found import findings
from modelward.hub.registry import Registry
from modelward.hub.run import Hub
from modelward.report.page import write
from modelward.site.answering.alone import fit, predicted
from tests.hospital import Planned, Wards
from tests.studies import AVERAGED, cohort_of, table_study

STUDY = table_study(AVERAGED + "\n[report]\n")


def run(folder: Path, study: Study = STUDY, faults: Planned | None = None) -> Wards:
    """Run `study` to its end; return the hospitals, still open."""
    with closing(Registry(folder / "hub")) as registry:
        wards = Wards(
            folder / "sites", [study], registry.store.folder, faults=faults, kind="report"
        )
        try:
            Hub(wards, registry, wards.keys).run(study)
        except EngineFailed:
            wards.close()
            raise
    return wards


def told(folder: Path, study: Study = STUDY) -> Findings:
    """Return what the hub in `folder` reports."""
    with closing(Registry(folder / "hub")) as registry:
        return findings(registry, study)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Findings, Findings]:
    """What the hub reports, and what one machine with all rows finds."""
    folder = tmp_path_factory.mktemp("report")
    with closing(run(folder)) as wards, closing(Registry(folder / "hub")) as registry:
        state = registry.state(STUDY)
        model = registry.model(STUDY, registry.model_of(STUDY, state.best))
        cohorts = {name: cohort_of(site, STUDY) for name, site in wards.hospitals.items()}
        models = {"federated": model} | {
            f"local:{name}": fit(STUDY, cohort, name).model for name, cohort in cohorts.items()
        }
        judged = {
            name: {site: predicted(each, cohorts[site]) for site in cohorts}
            for name, each in models.items()
            if each is not None
        }
        hub = findings(registry, STUDY)
    return hub, find(judged, hub.record, seed=SEED)


def test_every_site_gets_the_verdict_that_its_rows_give(both):
    hub, rows = both

    assert [v.site for v in hub.verdicts] == ["north", "south", "west"]
    for here, there in zip(hub.verdicts, rows.verdicts, strict=True):
        assert (here.word, here.metric, here.reason) == (there.word, there.metric, there.reason)
        assert (here.units, here.positives) == (there.units, there.positives)
        assert here.difference.value == pytest.approx(there.difference.value, abs=5.1e-4)


def test_the_figures_of_a_site_are_those_of_its_rows_in_three_decimals(both):
    hub, rows = both

    for name in ("federated", "local:west"):
        here, there = hub.model(name), rows.model(name)
        assert here is not None
        assert there is not None
        for figure in ("auc", "brier", "slope", "intercept", "accuracy", "sensitivity"):
            one, other = (getattr(each.at("west"), figure) for each in (here, there))
            assert one.value == pytest.approx(other.value, abs=5.1e-4), figure
            assert (one.interval is None) == (other.interval is None)
            if one.interval is not None:
                assert one.interval.low == pytest.approx(other.interval.low, abs=5.1e-4)
                assert one.interval.method == other.interval.method


def test_the_federated_model_on_everybody_is_known_to_a_bin(both):
    hub, rows = both
    here, there = hub.federated.overall, rows.federated.overall

    assert (here.units, here.positives) == (there.units, there.positives)
    assert here.accuracy == there.accuracy, "exact: one half is the edge of a bin"
    assert here.auc.value == pytest.approx(there.auc.value, abs=0.01)
    assert here.brier.value == pytest.approx(there.brier.value, abs=0.01)
    assert any("Bins alone can move the AUC by 0.0" in note for note in hub.record.notes)


def test_what_does_not_exist_between_institutions_is_said_and_not_made_up(both, tmp_path):
    hub, _ = both
    written = write(hub, tmp_path)
    text = " ".join(written.text.read_text().split())

    assert hub.model("pooled") is None
    assert f"A model on all records in one place was {NOT_POOLED}" in text
    assert "Three real hospitals, run between institutions." in text
    assert "its model stays there" in text
    assert Findings.from_json(written.json.read_bytes()).verdicts
    assert "Was it worth it, hospital by hospital?" in text
    assert "Privacy" in written.html.read_text()


@pytest.mark.slow
def test_a_site_that_tells_nothing_keeps_nobody_from_a_report(tmp_path):
    run(tmp_path, faults={("west", 3): "refusing", ("south", 3): "silent"}).close()
    hub = told(tmp_path)

    assert [v.site for v in hub.verdicts] == ["north"]
    assert [site.name for site in hub.record.sites] == ["north", "south", "west"], "they gave"
    assert hub.federated.at("west").auc.value is None
    assert any(note.startswith("west: no figures") for note in hub.record.notes)
    text = write(hub, tmp_path / "out").text.read_text("utf-8")
    assert "west (patients not told), Federated" in text
    assert "<10" not in text, "how many patients west has is not known, and not few"


@pytest.mark.slow
def test_a_hub_that_dies_while_it_asks_asks_again_and_is_told_the_same(tmp_path):
    with pytest.raises(EngineFailed):
        run(tmp_path, faults={("south", 3): "crash"})
    with pytest.raises(RunMismatch, match="not finished"):
        told(tmp_path)
    run(tmp_path).close()

    assert len(told(tmp_path).verdicts) == 3


@pytest.mark.slow
def test_figures_that_lie_are_not_taken(tmp_path):
    run(tmp_path, faults={("west", 3): "nan", ("south", 3): "stranger"}).close()

    assert [v.site for v in told(tmp_path).verdicts] == ["north"]


def test_a_study_that_agreed_on_no_report_has_none(tmp_path):
    plain = table_study(AVERAGED)
    run(tmp_path, plain).close()

    with pytest.raises(StudyFileError, match="has not agreed") as caught:
        told(tmp_path, plain)
    assert "modelward site report" in caught.value.remedy


@pytest.mark.slow
def test_newton_studies_are_reported_on_as_well(tmp_path):
    study = table_study(swaps := AVERAGED.split("\n[stop]")[0] + "\n[report]\n")
    assert swaps
    run(tmp_path, study).close()

    found = told(tmp_path, study)
    assert np.isfinite(found.federated.overall.auc.value or np.nan)


def test_a_hub_follows_every_site_and_draws_the_decision_curve(both):
    hub, _ = both
    found = hub.evaluation
    assert found is not None

    assert {path.site for path in found.paths} <= {"north", "south", "west"}
    assert all(len(path.values) == hub.record.run.rounds for path in found.paths)
    assert list(found.decisions) == ["federated"]
    assert found.groups == ()
    assert found.cost is None
