"""`python -m bench.exchange.measure`: eight institutions, one of them wrong, with intervals.

Prints, for digits and pneumonia, the mean over honest sites on the common test (accuracy for
digits, balanced accuracy for pneumonia) of every candidate beside local, pooled, FedAvg and
gossip; who was left out; and each site's choice held against its local model with a paired
bootstrap. Everything is chosen on validation; the test set is looked at here and only here.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.exchange import baselines
from bench.exchange.choosing import build
from bench.exchange.data import SITES, Setting, setting
from bench.exchange.network import SMALL, Network, candidates
from modelward.exchange.families.family import Floats
from modelward.exchange.methods.choose import LOCAL
from modelward.exchange.methods.probability import Labels, balanced_accuracy

T4 = 2.776
"""Student's t for five seeds, 95 %."""

DRAWS = 500


def score(name: str, y: Labels, log_p: Floats) -> float:
    """Return accuracy (digits) or balanced accuracy (pneumonia)."""
    picked = log_p.argmax(axis=1)
    if name == "digits":
        return float((picked == y).mean())
    return balanced_accuracy(y, picked, log_p.shape[1])


def one(
    name: str,
    seed: int,
    *,
    as_offered: bool = False,
    beside: bool = True,
    least: int = SMALL,
) -> dict[str, Any]:
    """Return the figures of one seed, with what it is held against if `beside`."""
    made = setting(name, seed)
    network = build(made, seed, as_offered=as_offered, least=least)
    x, y = made.test
    told = [candidates(network, j, x) for j in range(SITES - 1)]
    rows = {key: float(np.mean([score(name, y, t[key]) for t in told])) for key in told[0]}
    picked = [t[network.choices[j].chosen] for j, t in enumerate(told)]
    rows["chosen"] = float(np.mean([score(name, y, p) for p in picked]))
    if beside:
        rows |= _beside(name, made, seed)
    below = [
        j for j, t in enumerate(told) if below_local(name, y, picked[j], t[LOCAL], seed + j)
    ]
    return {
        "seed": seed,
        "scores": rows,
        "bad_site_out": SITES - 1 not in network.used,
        "honest_out": [j for j in _out(network) if j < SITES - 1],
        "offer_nothing": [j for j in range(SITES) if j not in network.offering],
        "reasons": {j: network.standings[str(j)].reason for j in _out(network)},
        "best": [network.choices[j].best for j in range(SITES - 1)],
        "choices": [network.choices[j].chosen for j in range(SITES - 1)],
        "below_local": below,
        **_overridden(name, network, seed, as_offered=as_offered),
    }


def _beside(name: str, made: Setting, seed: int) -> dict[str, float]:
    """Return what others reach on the same sites; one architecture everywhere."""
    x, y = made.test
    walked = baselines.gossip(made, seed, x)[:-1]
    return {
        "pooled": score(name, y, baselines.pooled(made, seed, x)),
        "fedavg": score(name, y, baselines.fedavg(made, seed, x)),
        "gossip": float(np.mean([score(name, y, p) for p in walked])),
    }


def below_local(name: str, y: Labels, first: Floats, second: Floats, seed: int) -> bool:
    """Return whether the first is worse than the second beyond its paired 95 % interval."""
    draw = np.random.default_rng([seed, 5])
    found = []
    for _ in range(DRAWS):
        rows = draw.integers(0, len(y), len(y))
        found.append(score(name, y[rows], first[rows]) - score(name, y[rows], second[rows]))
    return bool(np.quantile(found, 0.975) < 0)


def _out(network: Network) -> list[int]:
    return [j for j in network.offering if j not in network.used]


def _overridden(name: str, network: Network, seed: int, *, as_offered: bool) -> dict[str, Any]:
    """Return the chosen score after people let honest sites back in, if any was out."""
    honest = [j for j in _out(network) if j < SITES - 1]
    if not honest:
        return {}
    rule = {str(j): (True, "Dr Byron: I know that hospital") for j in honest}
    again = build(network.setting, seed, as_offered=as_offered, least=network.least, rule=rule)
    x, y = network.setting.test
    found = [
        score(name, y, candidates(again, j, x)[again.choices[j].chosen])
        for j in range(SITES - 1)
    ]
    return {"chosen_after_override": float(np.mean(found))}


def told(name: str, runs: Sequence[dict[str, Any]]) -> str:
    """Return the table of one data set."""
    lines = [f"{name}: mean of {SITES - 1} honest sites, {len(runs)} seeds, +- 95 % (t)"]
    for key in runs[0]["scores"]:
        found = 100 * np.array([run["scores"][key] for run in runs])
        half = T4 * found.std(ddof=1) / len(found) ** 0.5 if len(found) > 1 else float("nan")
        lines.append(f"  {key:<18} {found.mean():5.1f} +- {half:4.1f}   {np.round(found, 1)}")
    lines.append(f"  bad site out in {sum(r['bad_site_out'] for r in runs)} of {len(runs)}")
    lines.append(f"  honest sites out, by seed: {[r['honest_out'] for r in runs]}")
    lines.append(f"  below local beyond its interval: {[r['below_local'] for r in runs]}")
    again = {
        r["seed"]: r["chosen_after_override"] for r in runs if "chosen_after_override" in r
    }
    lines.append(f"  chosen after a person let honest sites in again: {again}")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", default=["digits", "pneumonia"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument(
        "--as-offered",
        action="store_true",
        help="leave classes of few out of what goes on offer, as the product does",
    )
    parser.add_argument(
        "--min-cell",
        type=int,
        default=SMALL,
        help="validation units of a class below which a site says nothing about it",
    )
    parser.add_argument("--alone", action="store_true", help="leave pooled, FedAvg, gossip out")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args(arguments)
    figures: dict[str, list[dict[str, Any]]] = {name: [] for name in asked.data}
    for name in asked.data:
        for seed in asked.seeds:
            figures[name].append(
                one(
                    name,
                    seed,
                    as_offered=asked.as_offered,
                    beside=not asked.alone,
                    least=asked.min_cell,
                )
            )
            print(f"{name} seed {seed}: {figures[name][-1]}", file=sys.stderr, flush=True)
    for name, runs in figures.items():
        print(told(name, runs))
    if asked.out:
        asked.out.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
