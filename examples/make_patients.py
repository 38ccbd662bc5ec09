"""Invent a table like one that three hospitals could bring, to try the tutorial on.

    python examples/make_patients.py patients.csv

2,000 discharges; the outcome is unplanned readmission within 30 days. All patients are made
up. The hospitals differ in case mix (age, wards, kidney function) and in how often
creatinine was measured; what makes a patient come back is the same everywhere.
"""

import csv
import sys
from pathlib import Path

import numpy as np

HOSPITALS = {
    # patients, mean age, share of surgical and other wards, share without creatinine
    "north": (1100, 64.0, (0.25, 0.15), 0.04),
    "harbour": (700, 58.0, (0.45, 0.10), 0.10),
    "valley": (200, 76.0, (0.10, 0.30), 0.22),
}
WARDS = ("medical", "surgical", "other")
HEADINGS = (
    "patient", "hospital", "age", "creatinine", "diabetes", "ward", "days", "readmitted",
)  # fmt: skip


def discharges(rng: np.random.Generator) -> list[list[str]]:
    """Return one row of text for every patient."""
    rows: list[list[str]] = []
    for hospital, (patients, mean_age, wards, unmeasured) in HOSPITALS.items():
        for _ in range(patients):
            age = float(np.clip(rng.normal(mean_age, 12), 18, 100))
            diabetes = rng.random() < 0.12 + 0.003 * (age - 50)
            creatinine = float(np.exp(rng.normal(-0.15 + 0.007 * (age - 50), 0.35)))
            ward = rng.choice(WARDS, p=[1 - sum(wards), *wards])
            days = int(1 + rng.poisson(5 if ward == "surgical" else 4))
            logit = -1.5 + 0.06 * (age - 65) + 1.1 * (creatinine - 1.1)
            logit += 0.9 * diabetes + 0.15 * (days - 5) - 0.5 * (ward == "surgical")
            readmitted = rng.random() < 1 / (1 + np.exp(-logit))
            measured = "" if rng.random() < unmeasured else f"{creatinine:.2f}"
            row = [hospital, f"{age:.0f}", measured, str(int(diabetes)), str(ward), str(days)]
            rows.append([f"p{len(rows) + 1:04d}", *row, str(int(readmitted))])
    return rows


def main() -> None:
    """Write the table to the file named on the command line."""
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "patients.csv")
    rows = discharges(np.random.default_rng(30))
    with out.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(HEADINGS)
        writer.writerows(rows)
    print(f"wrote {out}: {len(rows):,} invented patients of {len(HOSPITALS)} hospitals")


if __name__ == "__main__":
    main()
