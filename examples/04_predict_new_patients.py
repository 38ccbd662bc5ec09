"""Take the model of example 01 to patients that no hospital of the study has seen.

The export is three files: parameters and scaling (safetensors), a signed card, the study.
None holds code. New patients are scaled with the numbers the model was trained with, and a
missing value is filled with the mean over all hospitals.
"""

import csv
import sys
from pathlib import Path

import modelward as mw

NEW = [
    # patient, age, creatinine, diabetes, ward
    ("new-1", "41", "0.8", "no", "surgical"),
    ("new-2", "88", "2.9", "yes", "medical"),
    ("new-3", "67", "", "no", "other"),
]


def main() -> None:
    """Export, open, predict."""
    run = Path(sys.argv[1] if len(sys.argv) > 1 else "run")
    for path in mw.export_model(run, "readmission.safetensors"):
        print("wrote", path)

    with Path("new.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["patient", "age", "creatinine", "diabetes", "ward"])
        writer.writerows(NEW)

    model = mw.open_model("readmission.safetensors")
    found = mw.predict(model, "new.csv", patient="patient")
    for patient, probability in zip(found.units, found.probability, strict=True):
        print(f"{patient}: {probability:.1%} likely to come back within 30 days")
    print(f"{found.filled} of them had a missing value")


if __name__ == "__main__":
    main()
