"""A disease of few: a penalised common model, and a model of each hospital's own pulled to it.

Six hospitals have 15 to 40 cases each, too few to learn eight markers from, and the disease
does not look quite the same everywhere. Coefficients are penalised (l2), and each hospital
keeps a second model that is pulled to the common one (Ditto). What each should use is chosen on
patients that were held back, then judged on test. The patients are invented. Takes about
fifteen seconds.
"""

import csv
from pathlib import Path

import numpy as np

import modelward as mw

MARKERS = [f"marker{number}" for number in range(1, 9)]

STUDY = """
[study]
id = "rare"
purpose = "Tell who has a rare disease, from eight markers"
FEATURES
[target.ill]

[recipe]
name = "logistic"
options = { l2 = 4.0 }

[plan]
rounds = 30
local_epochs = 2
lr = 0.1
validation = 0.25
test = 0.25

[plan.personal]
kind = "ditto"
pull = 0.3

[stop]
metric = "loss"
"""

HOSPITALS = {"alder": 420, "birch": 380, "cedar": 300, "elm": 520, "fir": 340, "oak": 460}
"""Patients of each."""

ODDS = -3.4
"""Log odds of a patient whose markers are average."""


def invent(path: str) -> None:
    """Write every hospital's patients; what two of the markers mean differs between them."""
    rng = np.random.default_rng(15)
    with Path(path).open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("patient", "hospital", *MARKERS, "ill"))
        for hospital, patients in HOSPITALS.items():
            effect = np.array([1.0, -0.8, 0.6, 0.6, 0.0, 0.0, 0.0, 0.0])
            effect[:2] += rng.normal(0, 0.35, 2)
            values = rng.normal(size=(patients, len(MARKERS))).clip(-5, 5)
            ill = rng.random(patients) < 1 / (1 + np.exp(-(values @ effect + ODDS)))
            for number, (row, has) in enumerate(zip(values, ill, strict=True)):
                said = (f"{value:.2f}" for value in row)
                table.writerow((f"{hospital}-{number}", hospital, *said, int(has)))
            print(f"{hospital:<6} {int(ill.sum()):3} cases among {patients} patients")


def main() -> None:
    """Train, and print what each hospital is told to use."""
    invent("rare.csv")
    features = "".join(
        f'[features.{name}]\ntype = "number"\nunit = "1"\nrange = [-5, 5]\n' for name in MARKERS
    )
    study = mw.parse_study(STUDY.replace("FEATURES", features))
    columns = mw.Special(patient="patient")
    result = mw.simulate(study, "rare.csv", by="hospital", out="rare", special=columns)

    for model in result.findings.models:
        if not model.name.startswith("local"):
            print(f"{model.name:<16} AUC {model.overall.auc.value:.3f}")
    local = [m for m in result.findings.models if m.name.startswith("local")]
    each = [m.overall.auc.value for m in local if m.overall.auc.value is not None]
    print(f"{'local, mean':<16} AUC {np.mean(each):.3f}")
    for choice in result.findings.choices:
        print(f"{choice.site:<6} {choice.word}: {choice.sentence}")
    print("open", result.report)


if __name__ == "__main__":
    main()
