"""How long patients live, by a network over six hospitals: a hazard for every interval.

Where Cox regression (07) says that a risk is so many times higher at all times, the network has
a chance of dying in each interval of the study, for those who reach it. The report has the
C-index and the integrated Brier score of every model; the yes/no figures are about death within
ten years, among those who were followed that long. Needs torch; takes well under a minute. The
patients are invented.
"""

import subprocess
import sys
from pathlib import Path

import modelward as mw

STUDY = """
[study]
id = "lifetimes"
purpose = "How long do patients live after the operation?"

[features.age]
type = "number"
unit = "a"
range = [18, 110]

[features.marker]
type = "number"
unit = "ng/mL"
range = [0, 10]

[features.stage]
type = "category"
levels = ["stage 1", "stage 2", "stage 3"]

[features.treated]
type = "boolean"

[target.death]
type = "time-to-event"
unit = "mo"                       # of death_time in the tables
horizon = 3650                    # days
intervals = [365, 730, 1095, 1825, 2555, 3650]

[recipe]
name = "hazard"
options = { hidden = [16] }

[plan]
rounds = 20
batch = 16
lr = 0.05
momentum = 0.9
schedule = "cosine"
test = 0.3
"""


def main() -> None:
    """Train, and print both figures of every model on everybody's test patients."""
    maker = Path(__file__).with_name("make_survivors.py")
    subprocess.run([sys.executable, maker, "survivors.csv"], check=True)  # noqa: S603 - our own
    result = mw.simulate(
        mw.parse_study(STUDY),
        "survivors.csv",
        by="hospital",
        out="lifetimes",
        special=mw.Special(patient="patient"),
    )
    for one in result.findings.beyond:
        if not one.site and one.estimate.value is not None:
            print(f"{one.model:<14} {one.measure:<24} {one.estimate.value:.3f}")
    print(f"open {result.report}")


if __name__ == "__main__":
    main()
