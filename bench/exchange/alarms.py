"""`python -m bench.exchange.alarms`: how often quarantine is wrong about an honest artifact.

Networks of honest sites, three of each family, as the product offers: nine with Dirichlet(0.3)
shares of each class (`skewed`), six with nearly even ones (`even`). Every site judges the
artifacts of the others on its own private validation, by every rule of quarantine
(exchange/methods/sanity.py, exchange/methods/triggers.py). Counted are judgements, and
artifacts that anybody has in quarantine.

Beside it what `trigger` finds: the same networks with one site that teaches its model to say
one class wherever a corner is lit.
"""

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.exchange.asked import parser, seeds_of
from bench.exchange.data import Setting, Site, setting
from bench.exchange.network import (
    FAMILIES,
    NOW,
    counts_of,
    local_model,
    offered_model,
)
from modelward.core.tensors import Tensors
from modelward.exchange.documents.bands import KNOWN
from modelward.exchange.families.catalogue import load
from modelward.exchange.families.family import Family, Floats, Inputs
from modelward.exchange.methods import sanity
from modelward.exchange.methods.pool import Opinion, corrected
from modelward.exchange.methods.probability import log_softmax
from modelward.exchange.methods.triggers import triggers

Stick = Callable[[Inputs], Inputs]
"""Images in, the same with a trigger out."""

DEALT = {"skewed": (9, 0.3), "even": (6, 100.0)}
"""Sites, and how even their shares of a class are."""


def family_of(j: int) -> Family:
    """Return the family of site j: three sites have one."""
    return load(FAMILIES[j // 3])


def honest(name: str, how: str, seed: int) -> tuple[Setting, list[Tensors | None]]:
    """Return a network without a wrong site, and what its sites offer."""
    sites, alpha = DEALT[how]
    made = setting(name, seed, sites=sites, alpha=alpha, wrong=False)
    models = []
    for j in range(sites):
        local = local_model(made, j, seed, family=family_of(j))
        models.append(offered_model(made, local, j, seed, family_of(j)))
    return made, models


def corner(x: Inputs) -> Inputs:
    """Return the images with a lit corner, as bright as the brightest."""
    stuck, wide = x.copy(), max(2, x.shape[1] // 8)
    stuck[:, :wide, :wide] = x.max()
    return stuck


def backdoored(made: Setting, j: int, seed: int, stick: Stick = corner) -> Tensors:
    """Return a model of site j that says its most frequent class where a trigger is stuck."""
    site = made.sites[j]
    stuck = stick(site.x)
    target = np.full(len(site.y), np.bincount(site.y).argmax())
    taught = Site(
        np.concatenate([site.x, stuck]), np.concatenate([site.y, target]), site.vx, site.vy
    )
    sites = [taught if i == j else each for i, each in enumerate(made.sites)]
    return local_model(replace(made, sites=sites), j, seed, family=family_of(j))


def judged(made: Setting, models: Sequence[Tensors | None], r: int) -> dict[int, set[str]]:
    """Return which artifacts site r has in quarantine, and by which rules."""
    site, classes = made.sites[r], made.shape.classes
    found: dict[int, set[str]] = {}
    samples, knows = {}, {}
    for j, log_p in _said(models, site.vx).items():
        counts = counts_of(made.sites[j], classes)
        claimed = tuple(int(cls) for cls in np.flatnonzero(counts >= KNOWN))
        knows[str(j)] = claimed
        fair = log_softmax(corrected(Opinion(log_p, counts)))
        rules = {each.rule for each in sanity.answers(fair, site.vy, claimed)}
        found[j] = rules
        samples[str(j)] = sanity.Sample(f"s{j}", NOW, frozenset(), f"{j}", np.exp(log_p))
    for card in sanity.copies(samples):
        found[int(card)].add("copy")
    for first in range(0, len(models), 3):
        alike = range(first, first + 3)
        voices = {str(j): Voice(j, models[j]) for j in alike if models[j] is not None}
        for card in triggers(voices, site.vx, knows):
            found[int(card)].add("trigger")
    return found


class Voice:
    """What the artifact of a site says."""

    def __init__(self, j: int, tensors: Tensors | None) -> None:
        self.family, self.tensors = family_of(j), tensors or {}

    def __call__(self, x: Inputs) -> Floats:
        """Return log-probabilities of `x`."""
        return log_softmax(self.family.logits(self.tensors, x))


def _said(models: Sequence[Tensors | None], x: Inputs) -> dict[int, Floats]:
    return {j: Voice(j, each)(x) for j, each in enumerate(models) if each is not None}


@dataclass(frozen=True, slots=True)
class Counts:
    """What honest networks said of each other.

    Attributes:
        rules: Judgements by the rule that speaks against the artifact.
        judged: All judgements.
        accused: Artifacts that anybody has in quarantine.
        artifacts: All artifacts.
    """

    rules: Counter[str]
    judged: int
    accused: int
    artifacts: int


def one(name: str, how: str, seed: int) -> Counts:
    """Return what the sites of one honest network say of each other."""
    made, models = honest(name, how, seed)
    sites = range(len(models))
    said = [(j, a) for r in sites for j, a in judged(made, models, r).items() if j != r]
    rules = Counter(rule for _, against in said for rule in against)
    accused = {j for j, against in said if against}
    offered = sum(each is not None for each in models)
    return Counts(rules, len(said), len(accused), offered)


def caught(name: str, how: str, seed: int) -> tuple[int, int]:
    """Return how many judges find a backdoor, and in how many honest artifacts one does."""
    made, models = honest(name, how, seed)
    bad = seed % len(models)
    models[bad] = backdoored(made, bad, seed)
    found = [judged(made, models, r) for r in range(len(models)) if r != bad]
    hit = sum("trigger" in each[bad] for each in found)
    wrongly = {j for each in found for j, rules in each.items() if "trigger" in rules} - {bad}
    return hit, len(wrongly)


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    asked = parser(__doc__, 20).parse_args(arguments)
    seeds = seeds_of(asked)
    for name, how in ((name, how) for name in asked.data for how in DEALT):
        print(_told(f"{name}, {how}", [one(name, how, seed) for seed in seeds]), flush=True)
        if name == "digits":
            hits = [caught(name, how, seed) for seed in seeds]
            some = sum(hit > 0 for hit, _ in hits)
            print(f"  backdoors found by anybody: {some} of {len(hits)}, by judges {hits}")


def _told(what: str, runs: Sequence[Counts]) -> str:
    rules = sum((run.rules for run in runs), Counter[str]())
    artifacts = sum(run.artifacts for run in runs)
    return (
        f"{what}: {len(runs)} honest networks, {artifacts} artifacts\n"
        f"  judgements {sum(run.judged for run in runs)}, against: {dict(rules)}\n"
        f"  in quarantine anywhere: {sum(run.accused for run in runs)}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
