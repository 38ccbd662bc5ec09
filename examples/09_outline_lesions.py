"""Outline lesions over three hospitals with different scanners: a UNet, Dice and HD95.

Masks stay at the hospitals, as images do; what is averaged is the network. The report has
Dice and HD95 of every model at every hospital, and the yes/no figures are about whether
there is a lesion at all. Needs torch; takes well under a minute. The slices are invented.
"""

import runpy
from pathlib import Path

import numpy as np

import modelward as mw

STUDY = """
[study]
id = "lesions"
purpose = "Outline lesions in slices of the brain"
unit = "image"

[features.slice]
type = "image"
size = [32, 32]

[target.lesion]
type = "mask"

[recipe]
name = "unet"
options = { channels = [8, 16, 32] }

[plan]
rounds = 8
local_epochs = 2
batch = 8
lr = 0.1
momentum = 0.9
schedule = "cosine"
"""


def main() -> None:
    """Train, and print Dice and HD95 of every model on everybody's test slices."""
    make = runpy.run_path(str(Path(__file__).with_name("make_lesions.py")))["make"]
    np.savez("lesions.npz", **make())
    result = mw.simulate(mw.parse_study(STUDY), "lesions.npz", by="hospital", out="outlines")
    for one in result.findings.beyond:
        if not one.site and one.estimate.value is not None:
            print(f"{one.model:<14} {one.measure:<15} {one.estimate.value:6.3f}")
    found = result.findings.federated.overall.auc.value
    print(f"a lesion or none: AUC {found:.3f}; open {result.report}")


if __name__ == "__main__":
    main()
