"""Networks of MONAI by their names: one outlines lesions, one grades retinas.

    pip install 'modelward[monai]'

A study names a network from the list in docs/networks.md; MONAI builds it, and GroupNorm is in
the place of its own normalisation. Both are narrow here, so that it takes well under two
minutes. The images are invented.
"""

import runpy
from pathlib import Path

import numpy as np

import modelward as mw

STUDY = """
[study]
id = "ID"
purpose = "Try networks of MONAI"
unit = "image"

[features.picture]
type = "image"
size = [32, 32]

TARGET

[recipe]
name = "monai"
options = { network = "NETWORK", width = 8 }

[plan]
rounds = ROUNDS
local_epochs = 2
batch = 16
lr = 0.05
momentum = 0.9
schedule = "cosine"
"""

MASK = '[target.lesion]\ntype = "mask"'

GRADES = """
[target.grade]
type = "category"
levels = ["none", "mild", "moderate", "severe", "proliferative"]
yes = ["moderate", "severe", "proliferative"]
"""


def train(network: str, maker: str, target: str, rounds: int) -> None:
    """Train one network over three hospitals, and print what every model reaches."""
    make = runpy.run_path(str(Path(__file__).with_name(f"{maker}.py")))["make"]
    np.savez(f"{maker}.npz", **make())
    told = {"ID": maker, "TARGET": target, "NETWORK": network, "ROUNDS": str(rounds)}
    text = STUDY
    for word, meant in told.items():
        text = text.replace(word, meant)
    name = network.lower()
    result = mw.simulate(mw.parse_study(text), f"{maker}.npz", by="hospital", out=name)
    for one in result.findings.beyond:
        if not one.site and one.measure in {"Dice", "quadratic kappa"}:
            print(f"{network:<12} {one.model:<14} {one.measure:<16} {one.estimate.value:.3f}")
    print(f"open {result.report}")


if __name__ == "__main__":
    train("SegResNet", "make_lesions", MASK, rounds=8)
    train("resnet10", "make_fundus", GRADES, rounds=15)
