"""The three reference workloads, and plain data for them.

W1  40 sites x 150 chest X-rays of 28 x 28, skewed labels; CNN of 56 thousand parameters
W2  40 sites x 500 rows x 30 columns; MLP 64-64, 6 thousand parameters
W3  8 sites, 2 local steps; MLP of 19.9 million parameters

Batch 32, one local epoch, SGD at 0.05.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modelward.core.columns import Inputs
from modelward.core.study import Plan, RecipeChoice
from modelward.learn.examples import Examples

PLAN = Plan(rounds=20, batch=32, lr=0.05, local_epochs=1)
CLIP = 60.0
"""Far from binding: naive FedAvg does not clip."""


@dataclass(frozen=True)
class Workload:
    """One workload: recipe, sites, and how many rounds one run has."""

    name: str
    choice: RecipeChoice
    inputs: Inputs
    sites: list[Examples]
    rounds: int

    @property
    def steps(self) -> int:
        """Steps of all sites in one round."""
        return sum(-(-len(site.y) // PLAN.batch) for site in self.sites)


def w1(images: Path) -> Workload:
    """Return W1 on the X-rays of the file `images` (pneumoniamnist.npz)."""
    with np.load(images) as file:
        x, y = file["train_images"], file["train_labels"].reshape(-1).astype(np.int8)
    drawn = np.random.default_rng(0)
    classes = [np.flatnonzero(y == label) for label in (0, 1)]
    sites = []
    for _ in range(40):  # 6,000 images of 4,708: sites draw with replacement
        ill = round(150 * drawn.dirichlet([0.5, 0.5])[1])
        rows = np.concatenate(
            [drawn.choice(classes[0], 150 - ill), drawn.choice(classes[1], ill)]
        )
        sites.append(Examples(x[rows], y[rows], 150))
    options = {
        "channels": (16, 32),
        "hidden": (64,),
        "norm": "none",
        "padding": "valid",
        "pool": "flatten",
    }
    choice = RecipeChoice(name="cnn", options=options)
    return Workload("W1", choice, Inputs("image", (28, 28)), sites, 1)


def w2() -> Workload:
    """Return W2 on invented rows."""
    choice = RecipeChoice(name="mlp", options={"hidden": (64, 64)})
    return Workload("W2", choice, Inputs("table", (30,)), _rows(40, 500, 30), 4)


def w3() -> Workload:
    """Return W3 on invented rows."""
    choice = RecipeChoice(name="mlp", options={"hidden": (4096, 4096, 500)})
    return Workload("W3", choice, Inputs("table", (256,)), _rows(8, 64, 256), 1)


def _rows(sites: int, rows: int, columns: int) -> list[Examples]:
    drawn = np.random.default_rng(0)
    truth = drawn.normal(size=columns)
    found = []
    for _ in range(sites):
        x = drawn.normal(size=(rows, columns)).astype(np.float32)
        y = (x @ truth + drawn.normal(size=rows) > 0).astype(np.int8)
        found.append(Examples(x, y, rows))
    return found
