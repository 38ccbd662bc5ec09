"""`python -m bench.exchange.backdoors`: what is left of a backdoor in a combination.

The networks of alarms.py, in each of which one site has taught its model to say one class
wherever a corner is lit. Nobody finds it, and it has one voice in the pool. Of the common test
images of other classes: how many get the class when the corner is lit, and how many do anyway,
from the backdoored model alone, from a typical honest one, and from each combination.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence

import numpy as np

from bench.exchange.alarms import DEALT, Voice, backdoored, honest
from bench.exchange.data import Setting
from bench.exchange.network import SMALL, counts_of
from modelward.exchange import fens
from modelward.exchange.bands import KNOWN
from modelward.exchange.families.family import Floats, Inputs
from modelward.exchange.pool import POOLERS, Opinion

ALONE, HONEST, FENS = "backdoored model alone", "honest models alone", "balanced-fens"

Voices = Mapping[int, Voice]


def one(name: str, how: str, seed: int) -> dict[str, tuple[float, float]]:
    """Return, by who answers, the share that gets the class with and without the lit corner."""
    made, models = honest(name, how, seed)
    bad = seed % len(models)
    models[bad] = backdoored(made, bad, seed)
    voices = {j: Voice(j, each) for j, each in enumerate(models) if each is not None}
    combiner = _combiner(made, voices)
    target = int(np.bincount(made.sites[bad].y).argmax())
    x = made.test[0][made.test[1] != target]
    with_it, without = (
        _answers(made, voices, combiner, bad, each) for each in (_lit(made, x), x)
    )
    knows = {j: counts_of(made.sites[j], made.shape.classes)[target] >= KNOWN for j in voices}
    apart = [j for j in voices if j != bad and knows[j]] or [j for j in voices if j != bad]

    def share(said: Mapping[str, Floats], who: str) -> float:
        return float((said[who].argmax(1) == target).mean())

    found = {who: (share(with_it, who), share(without, who)) for who in (ALONE, *POOLERS, FENS)}
    pairs = [(share(with_it, str(j)), share(without, str(j))) for j in apart]
    lit, clean = np.mean(pairs, axis=0)
    return {**found, HONEST: (float(lit), float(clean))}


def _lit(made: Setting, x: Inputs) -> Inputs:
    stuck, wide = x.copy(), max(2, x.shape[1] // 8)
    stuck[:, :wide, :wide] = max(float(site.x.max()) for site in made.sites)
    return stuck


def _answers(
    made: Setting, voices: Voices, combiner: fens.Combiner, bad: int, x: Inputs
) -> dict[str, Floats]:
    said = {j: voice(x) for j, voice in voices.items()}
    counts = {j: counts_of(made.sites[j], made.shape.classes) for j in voices}
    opinions = [Opinion(said[j], counts[j]) for j in voices]
    found = {name: pooler(opinions) for name, pooler in POOLERS.items()}
    found[FENS] = fens.combined(combiner, list(said.values()))
    return {**found, ALONE: said[bad], **{str(j): each for j, each in said.items()}}


def _combiner(made: Setting, voices: Voices) -> fens.Combiner:
    learners = []
    for j in voices:
        site = made.sites[j]
        rows = np.bincount(site.vy)[site.vy] >= SMALL
        if rows.any():
            seen = [voice(site.vx[rows]) for voice in voices.values()]
            learners.append(fens.learner(seen, site.vy[rows]))
    return fens.train(learners, made.shape.classes)


def told(what: str, runs: Sequence[Mapping[str, tuple[float, float]]]) -> str:
    """Return the table of one kind of network."""
    lines = [f"{what}: {len(runs)} networks, % that get the class: corner lit, as they are"]
    for who in runs[0]:
        lit, clean = 100 * np.mean([run[who] for run in runs], axis=0)
        most = 100 * max(run[who][0] for run in runs)
        lines.append(f"  {who:<24} {lit:5.1f} {clean:5.1f}   most {most:.1f}")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", default=["digits", "pneumonia"])
    parser.add_argument("--first", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=10)
    asked = parser.parse_args(arguments)
    seeds = range(asked.first, asked.first + asked.seeds)
    for name, how in ((name, how) for name in asked.data for how in DEALT):
        print(told(f"{name}, {how}", [one(name, how, seed) for seed in seeds]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
