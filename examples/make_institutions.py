"""Three institutions on one machine, with real chest X-rays dealt to them.

    python examples/make_institutions.py network

writes a question, a shared set without labels, and for each institution its own examples. The
X-rays are PneumoniaMNIST (Kermany et al. 2018, CC BY 4.0); who has which is invented: north
screens the healthy, west sees the ill, south is small and sees both.
"""

import sys
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np

from modelward.artifact import bundle
from modelward.simulation.data import checked

SHARES = {"north": (260, 20), "south": (40, 60), "west": (20, 260)}
"""Healthy and ill children at each institution, before a third is held back."""

POLICY = """[leaves]
kinds = ["metrics", "model", "predictions"]

[privacy]
lanes = ["dp", "exact"]
"""


def write(folder: Path) -> None:
    """Write everything under `folder`."""
    archive = np.load(BytesIO(checked("pneumoniamnist.npz")), allow_pickle=False)
    scaled = {
        fold: (archive[f"{fold}_images"].reshape(-1, 28, 28) / 127.5 - 1).astype(np.float32)
        for fold in ("train", "val")
    }
    labels = archive["train_labels"].reshape(-1).astype(np.int64)
    draw = np.random.default_rng(0)
    waiting = {cls: list(draw.permutation(np.flatnonzero(labels == cls))) for cls in (0, 1)}
    shared = bundle.to_bytes({"x": scaled["val"]})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shared.safetensors").write_bytes(shared)
    (folder / "question.json").write_text(
        '{"id":"pneumonia","purpose":"tell pneumonia from X-rays of the chest",'
        '"labels":["normal","pneumonia"],"inputs":[28,28],'
        f'"shared":"{sha256(shared).hexdigest()}","shared_units":{len(scaled["val"])}}}\n'
    )
    for name, shares in SHARES.items():
        rows = [waiting[cls].pop() for cls, count in enumerate(shares) for _ in range(count)]
        rows = draw.permutation(np.array(rows))
        cut = len(rows) * 2 // 3
        own = folder / name / "exchange"
        own.mkdir(parents=True, exist_ok=True)
        (folder / name / "policy.toml").write_text(POLICY)
        np.savez(
            own / "data.npz",
            train_x=scaled["train"][rows[:cut]], train_y=labels[rows[:cut]],
            valid_x=scaled["train"][rows[cut:]], valid_y=labels[rows[cut:]],
        )  # fmt: skip
        print(f"{name}: {shares[0]} healthy, {shares[1]} ill")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
