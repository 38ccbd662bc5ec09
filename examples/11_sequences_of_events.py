"""Who will have kidney failure, from what happened when: recurrent and attention networks.

The same question twice, by `gru` and by `transformer`: what matters is that creatinine rises
and that a pain killer was taken late, which no single value tells. Courses stay at the
hospitals; what is averaged is the network. Needs torch; takes under a minute. The patients
are invented.
"""

import runpy
from pathlib import Path

import numpy as np

import modelward as mw

STUDY = """
[study]
id = "kidneys"
purpose = "Who will have kidney failure after admission?"

[cohort.index]
code = ["SNOMED:32485007"]        # admission to hospital
pick = "first"

[features.course]
type = "sequence"
steps = 20
window = [-365, 0]

[features.course.items.creatinine]
code = ["LOINC:2160-0"]
unit = "mg/dL"
range = [0.1, 20]

[features.course.items.nsaid]
code = ["ATC:M01A"]

[features.course.items.visit]
code = ["SNOMED:185349003"]

[target.failure]

[recipe]
name = "{recipe}"

[plan]
rounds = 20
batch = 16
lr = {lr}
momentum = 0.9
schedule = "cosine"
validation = 0.1

[plan.server]
name = "momentum"
momentum = 0.6

[stop]
metric = "auc"
"""

RATES = {"gru": 0.1, "transformer": 0.04}


def main() -> None:
    """Train both, and print how well each model ranks everybody's test patients."""
    make = runpy.run_path(str(Path(__file__).with_name("make_courses.py")))["make"]
    np.savez("courses.npz", **make())
    for recipe, lr in RATES.items():
        study = mw.parse_study(STUDY.format(recipe=recipe, lr=lr))
        result = mw.simulate(study, "courses.npz", by="hospital", out=recipe)
        for model in result.findings.models:
            print(f"{recipe:<12} {model.name:<14} AUC {model.overall.auc.value:.3f}")
    print(f"open {result.report}")


if __name__ == "__main__":
    main()
