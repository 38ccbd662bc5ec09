"""Try a study on one table, split by its `hospital` column. Takes about five seconds.

Writes study.toml, patients.csv and the folder `run` where you are. Run it twice: the
second call finds every round finished and only writes the report again.
"""

import subprocess
import sys
from pathlib import Path

import modelward as mw

STUDY = """
[study]
id = "readmission"
purpose = "Predict unplanned readmission within 30 days of discharge"

[features.age]
type = "number"
unit = "a"
range = [18, 110]

[features.creatinine]
type = "number"
unit = "mg/dL"
range = [0.1, 20]

[features.diabetes]
type = "boolean"

[features.ward]
type = "category"
levels = ["medical", "surgical", "other"]

[target.readmitted]

[recipe]
name = "logistic"

[plan]
strategy = "newton"
test = 0.25
"""


def main() -> None:
    """Write a study, invent patients, run, and say what came out."""
    Path("study.toml").write_text(STUDY)
    maker = Path(__file__).with_name("make_patients.py")
    subprocess.run([sys.executable, maker, "patients.csv"], check=True)  # noqa: S603 - our own

    study = mw.read_study("study.toml")
    print(mw.explain(study), end="\n\n")

    columns = mw.Special(patient="patient")
    result = mw.simulate(study, "patients.csv", by="hospital", out="run", special=columns)

    for model in result.findings.models:
        print(f"{model.name:<16} AUC {model.overall.auc.value:.3f}")
    print("\nopen", result.report)


if __name__ == "__main__":
    main()
