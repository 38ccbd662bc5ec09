"""Adapters on a network that somebody else trained: small updates, and few images suffice.

A network learns rings from discs on many clean pictures, and its weights become a file. Three
hospitals have few pictures each, darker and noisier. They put the file into `backbones/` under
its hash, which the study names, and train adapters of rank 4 and a head; nothing else travels.
Beside it the same network from the start, whole. All pictures are made up. About forty seconds.
"""

import shutil
from hashlib import sha256
from pathlib import Path

import numpy as np

import modelward as mw

NETWORK = "channels = [16, 32, 32], groups = 8"
STUDY = """
[study]
id = "ID"
purpose = "Tell rings from discs"
unit = "image"
min_patients = 10

[features.picture]
type = "image"
size = [20, 20]

[target.ring]

[recipe]
RECIPE

[plan]
rounds = ROUNDS
local_epochs = 2
batch = 16
lr = 0.05
momentum = 0.9
validation = 0.2
test = 0.4
"""


def pictures(number: int, contrast: float, noise: float, seed: int) -> dict[str, np.ndarray]:
    """Return rings and discs somewhere in the picture."""
    rng = np.random.default_rng([17, seed])
    down, right = np.mgrid[:20, :20]
    labels = rng.integers(0, 2, number)
    images = np.empty((number, 20, 20), np.uint8)
    for place, ring in enumerate(labels):
        middle, radius = rng.uniform(7, 12, 2), rng.uniform(4, 6)
        away = np.hypot(down - middle[0], right - middle[1])
        inside = (away < radius) & ((away > radius - 2.2) | (ring == 0))
        grey = 90 + contrast * inside + rng.normal(0, noise, inside.shape)
        images[place] = grey.clip(0, 255)
    return {"images": images, "labels": labels.astype(np.int8)}


def study_of(name: str, recipe: str, rounds: int) -> mw.Study:
    """Return a study on pictures."""
    text = STUDY.replace("ID", name).replace("RECIPE", recipe)
    return mw.parse_study(text.replace("ROUNDS", str(rounds)))


def main() -> None:
    """Train a backbone, make it a file, train adapters on it, and say what it came to."""
    np.savez("clean.npz", **pictures(700, 90, 12, 1))
    np.savez("hospitals.npz", **pictures(160, 45, 20, 2))

    whole = f'name = "cnn"\noptions = {{ {NETWORK} }}'
    by = mw.Dealing(sites=2, alpha=100.0)
    mw.simulate(study_of("clean", whole, 10), "clean.npz", by=by, out="clean")
    source, *_ = mw.export_model("clean", "clean.safetensors")
    digest = sha256(Path(source).read_bytes()).hexdigest()
    Path("backbones").mkdir(exist_ok=True)
    shutil.copyfile(source, f"backbones/{digest}.safetensors")
    print(f"backbone {digest[:12]}, {Path(source).stat().st_size:,} bytes")

    named = f'backbone = "cnn", sha256 = "{digest}"'
    adapters = f'name = "lora"\noptions = {{ {named}, rank = 4, {NETWORK} }}'
    for name, recipe in {"adapters": adapters, "whole": whole}.items():
        study = study_of(name, recipe, 12)
        by = mw.Dealing(sites=3, alpha=5.0)
        result = mw.simulate(study, "hospitals.npz", by=by, out=name)
        line = next(each for each in mw.explain(study).splitlines() if "Leaves a site" in each)
        area = result.findings.federated.overall.auc.value
        print(f"{name:<9} AUC {area:.3f}   {line.partition(' of ')[0]}")


if __name__ == "__main__":
    main()
