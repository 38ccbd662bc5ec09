"""Invent follow-up of patients of six hospitals, to try survival statistics on.

    python examples/make_survivors.py survivors.csv

1,100 patients after an operation for a tumour; time to death or last visit, in months. All
patients are made up. Hospitals differ in size, in whom they see and in how long they follow;
what shortens life is the same everywhere. Many times are equal, as months are.
"""

import csv
import sys
from pathlib import Path

import numpy as np

HOSPITALS = {
    # patients, mean age, share of late stages, longest follow-up in months
    "north": (310, 57.0, 0.25, 120),
    "harbour": (200, 61.0, 0.35, 96),
    "valley": (200, 55.0, 0.20, 110),
    "west": (160, 63.0, 0.40, 84),
    "island": (140, 58.0, 0.30, 100),
    "border": (90, 66.0, 0.45, 72),
}
HALF = 0.5
HEADINGS = (
    "patient", "hospital", "age", "stage", "marker", "treated", "death", "death_time",
)  # fmt: skip


def followed(rng: np.random.Generator) -> list[list[str]]:
    """Return one row of text for every patient."""
    rows: list[list[str]] = []
    for hospital, (patients, mean_age, late, longest) in HOSPITALS.items():
        for _ in range(patients):
            age = float(np.clip(rng.normal(mean_age, 11), 25, 95))
            stage = int(rng.choice([1, 2, 3], p=[(1 - late) / 2, (1 - late) / 2, late]))
            marker, treated = float(rng.normal(2.0, 0.6)), rng.random() < HALF
            risk = 0.03 * (age - 60) + 0.7 * (stage - 2) + 0.4 * (marker - 2) - 0.5 * treated
            death = float(rng.exponential(90 * np.exp(-risk)))
            left = float(rng.uniform(6, longest))
            row = [hospital, f"{age:.0f}", f"stage {stage}", f"{marker:.2f}", str(int(treated))]
            ended = [str(int(death <= left)), f"{np.ceil(min(death, left)):.0f}"]
            rows.append([f"p{len(rows) + 1:04d}", *row, *ended])
    return rows


def main() -> None:
    """Write the table to the file named on the command line."""
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "survivors.csv")
    rows = followed(np.random.default_rng(17))
    with out.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(HEADINGS)
        writer.writerows(rows)
    print(f"wrote {out}: {len(rows):,} invented patients of {len(HOSPITALS)} hospitals")


if __name__ == "__main__":
    main()
