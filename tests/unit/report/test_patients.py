"""A report hides what is of few patients, however many images they have."""

from dataclasses import replace

from modelward.evaluate.estimate import Estimate
from modelward.evaluate.findings import Findings
from modelward.evaluate.measures.beyond import Beyond, hide_few
from modelward.evaluate.patients import Patients
from modelward.report.cells import hide_small_cells, hide_training
from modelward.report.page import write
from modelward.report.singled_out import few
from tests.four_hospitals import findings

SITE = findings(draws=20).record.sites[0]
MANY, SCARCE = Patients(50, 20, 30), Patients(18, 9, 12)


def with_patients(patients: Patients, *, in_one_process: bool = False) -> Findings:
    """Return findings of images, of which those at the first site are of these patients."""
    found = findings(draws=20, in_one_process=in_one_process)
    site = found.record.sites[0].name
    return replace(
        found,
        record=replace(found.record, study=replace(found.record.study, unit="image")),
        models=tuple(
            replace(
                model,
                by_site=tuple(
                    replace(one, patients=patients) if one.site == site else one
                    for one in model.by_site
                ),
            )
            for model in found.models
        ),
        verdicts=tuple(
            replace(one, patients=patients) if one.site == site else one
            for one in found.verdicts
        ),
    )


def test_a_site_of_few_patients_is_hidden_with_all_its_images():
    site = SITE.name
    plenty, scarce = (hide_small_cells(with_patients(each)) for each in (MANY, SCARCE))

    assert plenty.federated.at(site).auc.value is not None
    assert plenty.federated.at(site).patients == MANY
    told = scarce.federated.at(site)
    assert (told.positives, told.patients, told.auc.value) == (None, None, None)
    verdict = next(one for one in scarce.verdicts if one.site == site)
    assert (verdict.federated, verdict.patients) == (None, None)
    assert "of its test patients" in verdict.reason
    assert Findings.from_json(scarce.to_json()) == scarce


def test_a_simulation_says_where_patients_are_few(tmp_path):
    found = with_patients(SCARCE, in_one_process=True)

    assert SITE.name in few(found, 10)
    text = " ".join(write(found, tmp_path).text.read_text().split())
    assert "fewer than 10 patients with or without the outcome are counted at" in text
    assert f"of {SCARCE.every} patients" in text
    assert "a patient with several images once" in text


def test_training_counts_of_few_patients_are_hidden():
    known = replace(SITE, train=400, train_positives=200)

    assert hide_training(replace(known, patients=MANY), 10).patients == MANY
    hidden = hide_training(replace(known, patients=SCARCE), 10)
    assert (hidden.train, hidden.train_positives, hidden.patients) == (400, None, None)
    assert hide_training(replace(known, patients=Patients(9, 9, 9)), 10).train is None


def test_a_mask_figure_of_few_patients_is_hidden():
    one = Beyond(
        measure="Dice",
        of="",
        model="federated",
        site="north",
        units=60,
        estimate=Estimate(0.8),
        patients=9,
    )

    (hidden,) = hide_few([one], 10)
    assert (hidden.units, hidden.patients, hidden.estimate.value) == (None, None, None)
    assert hide_few([replace(one, patients=10)], 10) == (replace(one, patients=10),)
