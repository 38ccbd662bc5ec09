"""Grade retinopathy from 0 to 4 over hospitals of which one never sees the severe grades.

A small network, trained with logit adjustment: a hospital without grades 3 and 4 does not
teach the others that there are none. The figure is quadratic kappa, as
graders are held to; everything that needs a yes or a no is about grade 2 and more, which is
when a patient is referred. Needs torch; takes under a minute. The images are invented.
"""

import runpy
from pathlib import Path

import numpy as np

import modelward as mw

STUDY = """
[study]
id = "retinopathy"
purpose = "Grade diabetic retinopathy from fundus photographs"
unit = "image"

[features.fundus]
type = "image"
size = [32, 32]

[target.grade]
type = "category"
levels = ["none", "mild", "moderate", "severe", "proliferative"]
yes = ["moderate", "severe", "proliferative"]

[recipe]
name = "cnn"
options = { channels = [16, 32, 32] }

[plan]
rounds = 20
local_epochs = 2
batch = 16
lr = 0.05
momentum = 0.9
schedule = "cosine"
label_skew = "logit-adjustment"

[stop]
metric = "loss"
"""


def main() -> None:
    """Train, and print kappa of every model, and what the report says of each grade."""
    make = runpy.run_path(str(Path(__file__).with_name("make_fundus.py")))["make"]
    np.savez("fundus.npz", **make())
    study = mw.parse_study(STUDY)
    result = mw.simulate(study, "fundus.npz", by="hospital", out="retinas")
    whole = [one for one in result.findings.beyond if not one.site]
    for one in whole:
        if one.measure == "quadratic kappa":
            print(f"{one.model:<14} quadratic kappa {one.estimate.value:.3f}")
    for one in whole:
        if one.model == "federated" and one.measure == "sensitivity":
            print(f"grade {one.of:<14} found in {one.estimate.value:.0%} of {one.units}")
    referred = result.findings.federated.overall.auc.value
    print(f"referred or not: AUC {referred:.3f}; open {result.report}")


if __name__ == "__main__":
    main()
