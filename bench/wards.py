"""Wards for bench/attacks.py: chest X-rays dealt to hospitals, and what wrong ones send.

PneumoniaMNIST, dealt by Dirichlet label skew; the first hospitals of a ward are the wrong ones,
the last can have another scanner. Attacks on data are `poisoned`, attacks on updates `sent`,
by sites that act together and know every honest update of the round.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.triggers import planted
from modelward.aggregate.fixed_point import round_update
from modelward.core.study import Study
from modelward.core.tensors import FlatF32
from modelward.learn.examples import Examples
from modelward.simulation import data
from modelward.simulation.dealing import Dealing, by_skew
from modelward.study.read import parse

STUDY = """
[study]
id = "attacks"
purpose = "Pneumonia on chest X-rays, with wrong hospitals"
unit = "image"
[features.image]
type = "image"
size = [28, 28]
[target.pneumonia]
type = "boolean"
[recipe]
name = "cnn"
options = { channels = [8, 16], hidden = [32], norm = "none", pool = "flatten" }
[plan]
rounds = 20
batch = 32
lr = 0.05
momentum = 0.9
schedule = "cosine"
label_skew = "logit-adjustment"
[privacy]
clip = 10.0
"""
"""A small network, so that many runs fit on a small machine. Chosen by validation AUC at seed
100, after a first one had shown 0.80 on test at seed 0."""

ALPHA = 0.3
LEAST = 10
"""Images of the smallest site; forty shares of Dirichlet(0.3) would leave some with none."""

BACKDOORS = frozenset({"backdoor", "quiet backdoor"})
"""The loud one sends as long an update as the study allows, the quiet one as long as others."""

Rows = list[FlatF32]


@dataclass(frozen=True, eq=False)
class Ward:
    """Sites of one dealing.

    Attributes:
        study: What is trained.
        sites: Training examples of each site; the first `wrong` are the wrong ones, the last
            is the minority where one is asked for.
        test: Images that figures are of, as most sites take them.
        wrong: How many sites are wrong.
        taken: How the last site takes its pictures.
    """

    study: Study
    sites: list[Examples]
    test: Examples
    wrong: int
    taken: str = "like the others"


SCANNERS: dict[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    "like the others": lambda x: x,
    "inverse": lambda x: 255 - x,
    "half the contrast": lambda x: (x // 2 + 64).astype(np.uint8),
}
"""How a hospital's pictures differ from the official ones."""


def dealt(
    seed: int,
    number: int,
    wrong: int,
    *,
    taken: str = "like the others",
    text: str = STUDY,
    fold: str = "test",
) -> Ward:
    """Return the X-rays, dealt to `number` sites.

    Args:
        seed: Of the dealing and the training.
        number: Of sites.
        wrong: How many of them are.
        taken: How the last site takes its pictures.
        text: The study, or one with more tables in its plan.
        fold: "test", or "val" for choosing.
    """
    study = parse(text)
    plan = study.plan.model_copy(update={"seed": seed})
    study = study.model_copy(update={"plan": plan})
    with np.load(BytesIO(data.checked("pneumoniamnist.npz"))) as file:
        x, y = file["train_images"], file["train_labels"].reshape(-1).astype(np.int8)
        looked_at = file[f"{fold}_labels"].reshape(-1).astype(np.int8)
        test = Examples(file[f"{fold}_images"], looked_at, len(looked_at))
    dealing = replace(Dealing(), sites=number, alpha=ALPHA)
    rows = by_skew(y, np.zeros(len(y), np.int8), dealing, seed)
    sites = [Examples(x[mine], y[mine], len(mine)) for mine in filled(list(rows.values()))]
    if taken != "like the others":
        usual = float(np.mean([len(site.y) for site in sites]))
        last = min(range(wrong, number), key=lambda n: abs(len(sites[n].y) - usual))
        sites.append(sites.pop(last))
        sites[-1] = replace(sites[-1], x=SCANNERS[taken](sites[-1].x))
    return Ward(study, sites, test, wrong, taken)


def filled(rows: list[NDArray[np.intp]]) -> list[NDArray[np.intp]]:
    """Return the dealing with at least `LEAST` images a site, the missing from the largest."""
    rows = list(rows)
    while (least := min(map(len, rows))) < LEAST:
        poor = next(n for n, mine in enumerate(rows) if len(mine) == least)
        rich = max(range(len(rows)), key=lambda n: len(rows[n]))
        give = LEAST - least
        rows[poor] = np.concatenate([rows[poor], rows[rich][-give:]])
        rows[rich] = rows[rich][:-give]
    return rows


def poisoned(examples: Examples, attack: str, trigger: str = "corner") -> Examples:
    """Return what a wrong site trains on."""
    if attack in {"label flip", "weight lie"}:
        return replace(examples, y=1 - examples.y)
    return planted(examples, trigger) if attack in BACKDOORS else examples


def sent(attack: str, own: Rows, honest: Rows, clip: float, last: FlatF32) -> Rows:
    """Return what the wrong sites send.

    Args:
        attack: Its name.
        own: What honest training would have them send.
        honest: What the honest sites send.
        clip: Norm that an update may have.
        last: The hub's last step.
    """
    mean = np.mean(honest, axis=0, dtype=np.float64)
    spread = np.std(honest, axis=0, dtype=np.float64)
    together: dict[str, Callable[[], Any]] = {
        "sign flip": lambda: -4.0 * mean,
        "a little is enough": lambda: mean - _little(len(honest), len(own)) * spread,
        "inner product": lambda: -1.1 * mean,
        "mimic": lambda: honest[0].astype(np.float64),
        "infinity": lambda: np.full(mean.size, np.inf),
        "not a number": lambda: np.full(mean.size, np.nan),
        "free rider": lambda: last.astype(np.float64),
    }
    if attack in together:
        return [_bounded(together[attack](), clip) for _ in own]
    if attack in {"scaling", "backdoor"}:
        return [_bounded(row * 100.0, clip) for row in own]
    if attack == "quiet backdoor":
        usual = float(np.median([np.linalg.norm(row) for row in honest]))
        return [_bounded(row * (usual / float(np.linalg.norm(row))), clip) for row in own]
    return own


def _little(honest: int, wrong: int) -> float:
    """Return z of Baruch et al. 2019, arXiv:1902.06156, Algorithm 3."""
    number = honest + wrong
    needed = number // 2 + 1 - wrong
    return NormalDist().inv_cdf(max((honest - needed) / honest, 0.5 + 1e-6))


def _bounded(row: NDArray[np.floating], clip: float) -> FlatF32:
    norm = float(np.linalg.norm(row))
    if np.isfinite(norm) and norm > clip:
        row = row * (clip * (1 - 1e-5) / norm)
    flat = row.astype(np.float32)
    return round_update(flat) if np.isfinite(norm) else flat
