"""`python -m bench.exchange.abstaining`: what is answered, and how right, where sites adopted.

The networks of measure.py, as the product offers. Each honest site that takes a combination up
calibrates on private validation when it answers (exchange/documents/knowledge.py). On the
common test:

    known      share answered of the units of classes that the pool knows
    hole       share answered of the units of a class that nobody has (`digits, a hole`)
    right      of the answered ones
    local      how often the local model is right: of all units, and of the answered ones
    below      sites whose answers are less often right than the local model's on the same
               units, beyond the paired 95 % interval

Every threshold is set on validation; the test set is looked at here and only here.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.exchange.choosing import build
from bench.exchange.data import SITES, setting
from bench.exchange.measure import T4
from bench.exchange.network import Network, candidates
from modelward.exchange.documents.bands import KNOWN
from modelward.exchange.documents.knowledge import Abstention, calibrated
from modelward.exchange.families.family import Floats
from modelward.exchange.methods.choose import LOCAL
from modelward.exchange.methods.probability import balanced_accuracy

DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one site that took a combination up.

    Attributes:
        known: Share answered of the units of known classes.
        hole: Share answered of the others; NaN if every class is known.
        right: Share right of the answered ones.
        local: Share that the local model has right, of all units.
        local_answered: The same of the answered units.
        below: Whether the answers are worse than the local model's on the same units.
    """

    known: float
    hole: float
    right: float
    local: float
    local_answered: float
    below: bool


def one(name: str, seed: int, hole: int | None = None) -> list[Row]:
    """Return the figures of every honest site that took a combination up, and would answer."""
    network = build(setting(name, seed, hole=hole), seed, as_offered=True)
    adopted = [j for j in range(SITES - 1) if network.choices[j].chosen != LOCAL]
    return [_row(network, j, seed) for j in adopted if rule(network, j).threshold <= 1]


def rule(network: Network, j: int) -> Abstention:
    """Return when site j answers, calibrated on its private validation."""
    site, chosen = network.setting.sites[j], network.choices[j].chosen
    said = candidates(network, j, site.vx)
    least = balanced_accuracy(site.vy, said[LOCAL].argmax(1), said[LOCAL].shape[1])
    return calibrated(said[chosen], site.vy, least, unknown(network))


def unknown(network: Network) -> frozenset[int]:
    """Return the classes that nobody in the pool knows."""
    most = network.counts[network.used].max(axis=0)
    return frozenset(int(cls) for cls in np.flatnonzero(most < KNOWN))


def _row(network: Network, j: int, seed: int) -> Row:
    x, y = network.setting.test
    said = candidates(network, j, x)
    picked = rule(network, j).answers(said[network.choices[j].chosen])
    answered, known = picked >= 0, ~np.isin(y, list(unknown(network)))
    right, own = (picked == y) * 1.0, (said[LOCAL].argmax(1) == y) * 1.0
    apart = right[answered] - own[answered]
    return Row(
        known=float(answered[known].mean()),
        hole=float(answered[~known].mean()) if (~known).any() else float("nan"),
        right=float(right[answered].mean()),
        local=float(own.mean()),
        local_answered=float(own[answered].mean()),
        below=_below(apart, seed + j),
    )


def _below(apart: Floats, seed: int) -> bool:
    draw = np.random.default_rng([seed, 7])
    means = apart[draw.integers(0, apart.size, (DRAWS, apart.size))].mean(axis=1)
    return bool(np.quantile(means, 0.975) < 0)


def told(what: str, runs: Sequence[list[Row]]) -> str:
    """Return the lines of one setting."""
    rows = [row for run in runs for row in run]
    lines = [f"{what}: {len(rows)} of {len(runs) * (SITES - 1)} honest sites adopted"]
    for key in ("known", "hole", "right", "local", "local_answered"):
        found = np.array([np.mean([getattr(row, key) for row in run]) for run in runs if run])
        half = T4 * found.std(ddof=1) / len(found) ** 0.5 if len(found) > 1 else float("nan")
        lines.append(f"  {key:<16} {100 * found.mean():5.1f} +- {100 * half:4.1f}")
    least = min(row.right - row.local for row in rows)
    lines.append(f"  least right - local of a site {100 * least:+.1f}")
    lines.append(f"  below the local model on the same units: {sum(r.below for r in rows)}")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[10, 11, 12, 13, 14])
    seeds = parser.parse_args(arguments).seeds
    print(told("digits", [one("digits", seed) for seed in seeds]), flush=True)
    holes = [one("digits", seed, hole=seed % 10) for seed in seeds]
    print(told("digits, a hole", holes), flush=True)
    print(told("pneumonia", [one("pneumonia", seed) for seed in seeds]))


if __name__ == "__main__":
    main(sys.argv[1:])
