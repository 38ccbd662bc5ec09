"""Eight sites with skewed labels, one of them wrong: Dirichlet 0.3.

    digits      1,797 images 8 x 8 of scikit-learn: 450 test, 300 shared without labels, the
                rest over the sites
    pneumonia   the official split of PneumoniaMNIST: 624 test, the 524 of validation shared
                without labels, the 4,708 of training over the sites

Any split into hospitals is synthetic. Shares of each class are Dirichlet(0.3) (Hsu et al.
2019, arXiv:1909.06335); a site has at least 20 images and two classes. Three of ten images
of a site are its private validation. The last site has 60 % of its labels wrong.
"""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from sklearn.datasets import load_digits

from modelward.exchange.families.family import Inputs, Shape
from modelward.exchange.methods.probability import Labels
from modelward.simulation.data import checked

SITES, ALPHA, WRONG = 8, 0.3, 0.6
FEWEST = 20


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """One site's own images.

    Attributes:
        x, y: Training images and labels, as the site has them.
        vx, vy: Private validation.
    """

    x: Inputs
    y: Labels
    vx: Inputs
    vy: Labels


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """The sites, what they share, and what nobody has seen.

    Attributes:
        shape: Of an image, and the number of classes.
        sites: Honest ones first, the wrong one last.
        shared: Images without labels.
        test: Images and labels for judging, never for choosing.
    """

    shape: Shape
    sites: list[Site]
    shared: Inputs
    test: tuple[Inputs, Labels]


def setting(
    name: str,
    seed: int,
    *,
    sites: int = SITES,
    alpha: float = ALPHA,
    wrong: bool = True,
    hole: int | None = None,
) -> Setting:
    """Return the setting `digits` or `pneumonia`, dealt with `seed`.

    Args:
        name: Which data.
        seed: Of the dealing.
        sites: How many there are.
        alpha: Of the Dirichlet distribution of shares.
        wrong: Whether the last one has wrong labels.
        hole: A class that nobody has; it stays among the shared images and in the test.
    """
    draw = np.random.default_rng([seed, 1])
    x, y, shared, test = _digits(draw) if name == "digits" else _pneumonia()
    classes = int(y.max()) + 1
    if hole is not None:
        x, y = x[y != hole], y[y != hole]
    parts = _dealt(y, sites, alpha, draw)
    found = []
    for number, rows in enumerate(parts):
        labels = y[rows]
        if wrong and number == sites - 1:
            labels = _wronged(labels, classes, draw)
        found.append(_split(x[rows], labels, draw))
    return Setting(Shape(x.shape[1:], classes), found, shared, test)


def _digits(draw: np.random.Generator) -> tuple[Inputs, Labels, Inputs, tuple[Inputs, Labels]]:
    found = load_digits()
    x = (found.images / 8 - 1).astype(np.float32)
    y = found.target.astype(np.intp)
    order = draw.permutation(len(y))
    test, shared, rest = order[:450], order[450:750], order[750:]
    return x[rest], y[rest], x[shared], (x[test], y[test])


def _pneumonia() -> tuple[Inputs, Labels, Inputs, tuple[Inputs, Labels]]:
    found = np.load(BytesIO(checked("pneumoniamnist.npz")), allow_pickle=False)
    parts = {
        fold: (
            (found[f"{fold}_images"].reshape(-1, 28, 28) / 127.5 - 1).astype(np.float32),
            found[f"{fold}_labels"].reshape(-1).astype(np.intp),
        )
        for fold in ("train", "val", "test")
    }
    return *parts["train"], parts["val"][0], parts["test"]


def _dealt(y: Labels, sites: int, alpha: float, draw: np.random.Generator) -> list[Labels]:
    """Return the rows of each site; dealt again until every site has enough to train."""
    while True:
        parts: list[list[int]] = [[] for _ in range(sites)]
        for cls in range(int(y.max()) + 1):
            rows = draw.permutation(np.flatnonzero(y == cls))
            shares = np.cumsum(draw.dirichlet([alpha] * sites))[:-1]
            for part, some in zip(
                parts, np.split(rows, (shares * len(rows)).astype(int)), strict=True
            ):
                part.extend(some.tolist())
        found = [draw.permutation(np.array(part, np.intp)) for part in parts]
        if all(len(p) >= FEWEST and len(set(y[p].tolist())) > 1 for p in found):
            return found


def _wronged(y: Labels, classes: int, draw: np.random.Generator) -> Labels:
    wrong = draw.random(len(y)) < WRONG
    other = (y + draw.integers(1, classes, len(y))) % classes
    return np.where(wrong, other, y)


def _split(x: Inputs, y: Labels, draw: np.random.Generator) -> Site:
    order = draw.permutation(len(y))
    cut = max(4, int(0.3 * len(y)))
    held, rest = order[:cut], order[cut:]
    return Site(x[rest], y[rest], x[held], y[held])
