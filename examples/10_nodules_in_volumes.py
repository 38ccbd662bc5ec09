"""Tell volumes with a nodule from those without: a DenseNet that convolves in space.

Three simulated hospitals, volumes of 8 x 16 x 16 voxels: tubes run along the depth, and a
nodule is a ball of the same brightness, so no single slice tells the two apart. Needs torch;
takes well under a minute. The volumes are invented: figures illustrate, they measure nothing.
"""

import numpy as np
from numpy.typing import NDArray

import modelward as mw

STUDY = """
[study]
id = "nodules"
purpose = "Tell whether a volume of the lung holds a nodule"
unit = "image"

[features.volume]
type = "image"
depth = 8
size = [16, 16]

[target.nodule]

[recipe]
name = "densenet"
options = { blocks = [2, 2], growth = 8, stem = 16, groups = 8, entry = "small" }

[plan]
rounds = 8
batch = 16
lr = 0.1
schedule = "cosine"
label_skew = "logit-adjustment"
test = 0.3
"""

DEPTH, SIDE, RADIUS = 8, 16, 2.3


def invent(count: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
    """Return volumes [count, 8, 16, 16], half of them with a nodule, and their labels."""
    draw = np.random.default_rng(seed)
    labels = draw.permutation(np.arange(count) % 2).astype(np.int8)
    volumes = draw.normal(80, 15, (count, DEPTH, SIDE, SIDE))
    z, y, x = np.mgrid[:DEPTH, :SIDE, :SIDE]
    for row in range(count):
        for _ in range(2):
            at = draw.integers(3, SIDE - 3, 2)
            volumes[row] += 70 * (np.hypot(y - at[0], x - at[1]) < RADIUS)
        if labels[row]:
            at = draw.integers((2, 4, 4), (DEPTH - 2, SIDE - 4, SIDE - 4))
            far = np.sqrt((z - at[0]) ** 2 + (y - at[1]) ** 2 + (x - at[2]) ** 2)
            volumes[row] += 70 * (far < RADIUS)
    return np.clip(volumes, 0, 255).astype(np.uint8), labels


def main() -> None:
    """Train, and print the AUC of every model."""
    volumes, labels = invent(450, seed=3)
    np.savez("nodules.npz", images=volumes, labels=labels)
    skew = mw.Dealing(sites=3, alpha=1.0)
    result = mw.simulate(mw.parse_study(STUDY), "nodules.npz", by=skew, out="nodules")
    for model in result.findings.models:
        print(f"{model.name:<14} AUC {model.overall.auc.value:.3f}")


if __name__ == "__main__":
    main()
