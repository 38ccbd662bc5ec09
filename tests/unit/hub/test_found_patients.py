"""A hub's report where patients have several images: it counts patients in all it says."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from modelward.core.study import Study
from modelward.evaluate.findings import Findings, find
from modelward.evaluate.measures.intervals import SEED
from modelward.evaluate.told.behind import behind
from modelward.hub.found import findings
from modelward.hub.registry import Registry
from modelward.hub.reported import counted
from modelward.hub.run import Hub
from modelward.report.cells import hide_small_cells
from modelward.report.page import write
from modelward.report.singled_out import MIN_CELL
from modelward.site.answering.alone import fit, predicted
from tests.hospital import SEEDS, Wards
from tests.studies import IMAGES, cohort_of, table_study, write_key

SHORT = (
    ("rounds = 3", "rounds = 1"),
    ("test = 0.2", "test = 0.5"),
    ('metric = "auc"', 'metric = "loss"'),
)
OPEN = table_study(IMAGES + "\n[report]\n", *SHORT)
MASKED = table_study(
    IMAGES + '\n[report]\n\n[privacy]\naggregation = "secagg"\n\n[sites]\nminimum = 3\n', *SHORT
)

IMAGES_EACH = 5
PATIENTS = {"north": 90, "south": 80, "west": 24}


def write_site(folder: Path, patients: int, seed: int) -> None:
    """Write a site of which every patient has five images, bright or dark as the patient is."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng([seed, 3])
    whose = np.repeat(np.arange(patients), IMAGES_EACH)
    label = rng.integers(0, 2, patients)
    shade = 100 + 18 * label + 25 * rng.normal(size=patients)
    pixels = rng.normal(shade[whose][:, None, None], 40, (whose.size, 12, 12))
    named = np.array([f"{seed}-{one}" for one in whose])
    np.savez(
        folder / "data.npz",
        images=np.clip(pixels, 0, 255).astype(np.uint8),
        labels=label[whose],
        patients=named,
    )
    (folder / "dataset.toml").write_text('[dataset]\nkind = "arrays"\npath = "data.npz"\n')
    write_key(folder / "site.key", seed)


def run(folder: Path, study: Study) -> Wards:
    """Run `study` to its end; return the hospitals, still open."""
    for name, seed in SEEDS.items():
        write_site(folder / "sites" / name, PATIENTS[name], seed)
    with closing(Registry(folder / "hub")) as registry:
        wards = Wards(folder / "sites", [study], registry.store.folder)
        Hub(wards, registry, wards.keys).run(study)
    return wards


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Findings, Findings, Path]:
    """What the hub reports, and what one machine with all rows finds."""
    folder = tmp_path_factory.mktemp("patients")
    with closing(run(folder, OPEN)) as wards, closing(Registry(folder / "hub")) as registry:
        model = registry.model(OPEN, registry.model_of(OPEN, registry.best(OPEN)))
        cohorts = {name: cohort_of(site, OPEN) for name, site in wards.hospitals.items()}
        fitted = {name: fit(OPEN, cohort, name).model for name, cohort in cohorts.items()}
        models = {"federated": model} | {
            f"local:{name}": each for name, each in fitted.items() if each is not None
        }
        judged = {
            name: {site: predicted(each, cohorts[site]) for site in cohorts}
            for name, each in models.items()
        }
        hub = findings(registry, OPEN)
        return hub, find(judged, hub.record, seed=SEED), folder


@pytest.mark.slow
def test_a_hub_tells_the_verdicts_of_patients(both):
    hub, rows, _ = both

    assert [v.site for v in hub.verdicts] == ["north", "south", "west"]
    for here in hub.verdicts:
        there = next(each for each in rows.verdicts if each.site == here.site)
        assert (here.word, here.metric, here.reason) == (there.word, there.metric, there.reason)
        assert here.patients == there.patients
        assert here.patients is not None
        assert here.units == IMAGES_EACH * here.patients.every
        assert f"{here.units} test images of {here.patients.every} patients" in here.sentence
        one, other = here.difference.interval, there.difference.interval
        assert one is not None
        assert other is not None
        assert one.low == pytest.approx(other.low, abs=5.1e-4)
        assert one.method == other.method
        assert "patient" in one.method


@pytest.mark.slow
def test_the_hubs_own_intervals_are_as_wide_as_those_of_rows(both):
    hub, _, _ = both

    for name in ("accuracy", "sensitivity", "specificity"):
        one, other = (getattr(found.federated.at("north"), name) for found in both[:2])
        assert one.value == pytest.approx(other.value, abs=0.02)
        mine, theirs = (each.interval.high - each.interval.low for each in (one, other))
        assert 0.8 * theirs < mine < 1.6 * theirs, name
    overall = hub.federated.overall
    assert overall.patients is not None
    assert overall.patients.every == sum(v.patients.every for v in hub.verdicts)
    assert overall.auc.interval is not None
    assert overall.auc.interval.method == "Obuchowski by patient, logit scale"
    assert overall.brier.interval is not None
    assert "of patients" in overall.brier.interval.method


@pytest.mark.slow
def test_counts_have_ten_patients_in_every_cell(both):
    _, _, folder = both
    with closing(Registry(folder / "hub")) as registry:
        told = counted(registry, OPEN)

    for site in ("north", "south"):
        cells = told[site].tensors["counts.federated"]
        # Of five images each; at the edges of a cell some of a patient are in the next one.
        assert (cells[cells > 0] >= MIN_CELL).all()
        assert len(cells[cells > 0]) <= told[site].tensors["patients"][0] / MIN_CELL + 1


@pytest.mark.slow
def test_a_site_of_few_patients_keeps_its_word_and_no_number(both):
    hub, _, folder = both
    with closing(Registry(folder / "hub")) as registry:
        west = counted(registry, OPEN)["west"].tensors
    assert (west["counts.federated"].sum(axis=1) >= MIN_CELL).all()  # enough images
    assert west["patients"][:3].min() < MIN_CELL  # of too few patients

    shown = hide_small_cells(hub)

    (found,) = (v for v in shown.verdicts if v.site == "west")
    assert (found.positives, found.federated, found.patients) == (None, None, None)
    assert "of its test patients have, or do not have, the outcome" in found.reason
    assert shown.federated.at("west").auc.value is None


@pytest.mark.slow
def test_a_report_says_how_many_patients_there_are(both, tmp_path):
    hub, _, _ = both
    text = " ".join(write(hub, tmp_path).text.read_text().split())

    north = hub.verdicts[0]
    assert north.patients is not None
    assert f"{north.units} test images of {north.patients.every} patients" in text
    assert "Intervals count a patient with several images once" in text
    assert "too narrow" not in text
    again = Findings.from_json(hub.to_json())
    assert again.federated.overall.patients == hub.federated.overall.patients is not None


@pytest.mark.slow
def test_what_an_earlier_version_told_is_read_as_before(both):
    _, _, folder = both
    with closing(Registry(folder / "hub")) as registry:
        told = counted(registry, OPEN)["north"].tensors

    assert behind(told).told
    assert not behind({k: v for k, v in told.items() if k != "patients"}).told


@pytest.mark.slow
def test_behind_masks_patients_are_summed(tmp_path):
    more = {**PATIENTS, "west": 80}
    for name, seed in SEEDS.items():
        write_site(tmp_path / "sites" / name, more[name], seed)
    with closing(Registry(tmp_path / "hub")) as registry:
        with closing(Wards(tmp_path / "sites", [MASKED], registry.store.folder)) as wards:
            Hub(wards, registry, wards.keys).run(MASKED)
        found = findings(registry, MASKED)

    overall = found.federated.overall
    assert overall.patients is not None
    assert overall.units == IMAGES_EACH * overall.patients.every
    assert overall.auc.interval is not None
    assert overall.auc.interval.method == "Obuchowski by patient, logit scale"
    assert replace(overall, patients=None) != overall
