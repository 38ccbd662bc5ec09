"""Invent a table in which risk does not rise along a line, to try boosted trees on.

    python examples/make_sodium.py sodium.csv

3,000 patients of four hospitals; the outcome is delirium during the stay. All are made up. Too
low and too high a sodium are both bad, and a sedative is bad for the old alone: neither is a
weight on a column. Hospitals differ in age and in how often they sedate.
"""

import csv
import sys
from pathlib import Path

import numpy as np

HOSPITALS = {
    # patients, mean age, share with a sedative
    "north": (1200, 68.0, 0.20),
    "harbour": (900, 60.0, 0.35),
    "valley": (600, 76.0, 0.10),
    "hill": (300, 71.0, 0.25),
}
FALLS, OLD = 0.15, 72.0
HEADINGS = ("patient", "hospital", "age", "sodium", "sedative", "fell", "delirium")


def patients(rng: np.random.Generator) -> list[list[str]]:
    """Return one row of text for every patient."""
    rows: list[list[str]] = []
    for hospital, (number, mean_age, share) in HOSPITALS.items():
        for _ in range(number):
            age = float(np.clip(rng.normal(mean_age, 11), 18, 100))
            sodium = float(np.clip(rng.normal(139, 6), 112, 168))
            sedated, fell = rng.random() < share, rng.random() < FALLS
            logit = -3.0 + 0.25 * abs(sodium - 139) + 0.4 * fell
            logit += 2.2 * (sedated and age > OLD) + 0.02 * (age - 65)
            ill = rng.random() < 1 / (1 + np.exp(-logit))
            said = [f"{age:.0f}", f"{sodium:.0f}", *(str(int(v)) for v in (sedated, fell, ill))]
            rows.append([f"p{len(rows) + 1:04d}", hospital, *said])
    return rows


def main() -> None:
    """Write the table to the file named on the command line."""
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "sodium.csv")
    rows = patients(np.random.default_rng(31))
    with out.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(HEADINGS)
        writer.writerows(rows)
    print(f"wrote {out}: {len(rows):,} invented patients of {len(HOSPITALS)} hospitals")


if __name__ == "__main__":
    main()
