"""One hospital codes its outcome upside down: what a mean makes of it, and a robust rule.

Five simulated hospitals; in `harbour` 1 means "did not come back". The study is trained
twice by averaging: with the plain mean, and with nearest-neighbour mixing and a trimmed mean
(Allouah et al. 2023), which outvotes one hospital in five, also the largest. Then the run
says who lay far from the others, and since when. The patients are invented: this illustrates
the effect, it does not measure it.
"""

import csv
from pathlib import Path

import numpy as np

import modelward as mw

STUDY = """
[study]
id = "upside-down"
purpose = "Predict readmission although one hospital codes it the other way round"

[features.age]
type = "number"
unit = "a"
range = [18, 110]

[features.diabetes]
type = "boolean"

[target.readmitted]

[recipe]
name = "logistic"

[plan]
rounds = 10
lr = 0.5
test = 0.3
ROBUST

[sites]
minimum = 3
"""

DIABETIC = 0.3
"""Share of patients."""

HOSPITALS = {"north": 400, "south": 400, "east": 400, "west": 400, "harbour": 1200}
"""Patients of each."""


def invent(path: str) -> None:
    """Write every hospital's patients, those of `harbour` with the outcome turned over."""
    rng = np.random.default_rng(3)
    with Path(path).open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("patient", "hospital", "age", "diabetes", "readmitted"))
        for hospital, patients in HOSPITALS.items():
            age = rng.normal(65, 12, patients).clip(18, 110)
            diabetes = rng.random(patients) < DIABETIC
            chance = 1 / (1 + np.exp(-(0.1 * (age - 65) + 1.5 * diabetes - 0.5)))
            back = (rng.random(patients) < chance) ^ (hospital == "harbour")
            for number, row in enumerate(zip(age, diabetes, back, strict=True)):
                years, ill, again = row
                table.writerow(
                    (f"{hospital}-{number}", hospital, f"{years:.1f}", int(ill), int(again))
                )


def main() -> None:
    """Train with either rule; print what a well-coded hospital gets, and who stands out."""
    invent("upside-down.csv")
    columns = mw.Special(patient="patient")
    for name, line in {"mean": "", "robust": "robust = { byzantine = 1 }"}.items():
        study = mw.parse_study(STUDY.replace("ROBUST", line))
        out = f"upside-down-{name}"
        result = mw.simulate(study, "upside-down.csv", by="hospital", out=out, special=columns)
        north = result.findings.federated.at("north")
        print(f"{name:<7} AUC at north {north.auc.value:.3f}, Brier {north.brier.value:.3f}")
    for site, found in result.findings.record.run.deviations.items():
        since = "" if found.since is None else f", beyond 3 since round {found.since}"
        print(f"  {site:<8} lies {found.typical:.1f} times as far out as is usual{since}")


if __name__ == "__main__":
    main()
