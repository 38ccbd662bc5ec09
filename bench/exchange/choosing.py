"""Ballots, the vote, and each site's choice with its local model as the floor.

As the product does it (exchange/listening/weighing.py, evidence.py, choose.py), with all sites
in one place. The test set is looked at by measure.py alone.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from bench.exchange.data import Setting
from bench.exchange.network import SMALL, Network, candidates, exchanged, hidden
from modelward.exchange.documents.bands import KNOWN, band, middle
from modelward.exchange.families.family import Floats
from modelward.exchange.institution import left_out
from modelward.exchange.institution.examples import Examples
from modelward.exchange.listening.candidates import own_alone
from modelward.exchange.listening.combining import FENS
from modelward.exchange.methods import choose
from modelward.exchange.methods.choose import LOCAL, Choice
from modelward.exchange.methods.evidence import Evidence, Told
from modelward.exchange.methods.probability import Labels


def build(
    setting: Setting,
    seed: int,
    *,
    as_offered: bool = False,
    least: int = SMALL,
    rule: Mapping[str, tuple[bool, str]] | None = None,
) -> Network:
    """Return the network after one exchange and everybody's choice (network.py)."""
    taught = exchanged(setting, seed, as_offered=as_offered, least=least, rule=rule)
    ballots, choices = _choices(taught)
    return replace(taught, ballots=ballots, choices=choices)


def _choices(network: Network) -> tuple[dict[str, dict[str, Floats]], list[Choice]]:
    """Return the ballots and each site's choice, by vote, with local as the floor."""
    classes = network.setting.shape.classes
    ballots: dict[str, dict[str, Floats]] = {}
    rights: list[dict[str, Floats]] = []
    for j, site in enumerate(network.setting.sites):
        said = {name: p.argmax(1) for name, p in candidates(network, j, site.vx).items()}
        rights.append({name: (picked == site.vy) * 1.0 for name, picked in said.items()})
        if j in network.used:
            ballots[f"site-{j}"] = {
                name: hidden(site.vy, picked, classes, network.least)
                for name, picked in said.items()
                if not own_alone(name)  # a student flatters whoever taught it
            }
    pool = network.counts[network.used]
    known = np.flatnonzero((pool >= KNOWN).any(axis=0)).tolist()
    preferred = choose.vote(ballots, known, (FENS,))
    choices = []
    for j, site in enumerate(network.setting.sites):
        tried, never = _tried(network, j), _never(network, j)
        evidence = {
            name: Evidence(
                right,
                _told(network, ballots, name, j),
                tried.get(name, {}),
                never if name == LOCAL else frozenset(),
            )
            for name, right in rights[j].items()
        }
        choices.append(choose.choose(evidence, site.vy, classes, preferred=preferred))
    return ballots, choices


def _few(network: Network, j: int) -> Labels:
    """Return the classes that site j has learnt and what it offers has not."""
    mine = np.bincount(network.setting.sites[j].y)
    apart = network.offered[j] is not network.models[j]
    return np.flatnonzero(apart & (mine > 0) & (mine < KNOWN))


def _tried(network: Network, j: int) -> dict[str, Mapping[int, Floats]]:
    """Return what nobody learnt from: training units of classes of few (left_out.py)."""
    few, site = _few(network, j), network.setting.sites[j]
    if not few.size:
        return {}
    rows = left_out.rows(site.y, few)
    x, y = site.x[rows], site.y[rows]
    said = candidates(replace(network, students=[]), j, x)
    found: dict[str, Mapping[int, Floats]] = {
        name: left_out.by_class((log_p.argmax(1) == y) * 1.0, y) for name, log_p in said.items()
    }
    family, seed = network.families[j], network.seed
    start = family.initial(network.setting.shape, seed)
    own = Examples(site.x, site.y, site.vx, site.vy, np.arange(len(site.y)))
    found[LOCAL] = left_out.made_again(family, start, own, few, seed + j)
    return found


def _never(network: Network, j: int) -> frozenset[int]:
    """Return the classes that site j never learnt, and its model never answers."""
    site = network.setting.sites[j]
    picked = [network.local(j, x).argmax(1) for x in (site.x, site.vx)]
    seen = np.concatenate([site.y, *picked])
    return frozenset(range(network.setting.shape.classes)) - frozenset(seen.tolist())


def _told(
    network: Network, ballots: Mapping[str, Mapping[str, Floats]], name: str, j: int
) -> dict[int, list[Told]]:
    """Return what used peers report of candidate `name` as site j has it."""
    if own_alone(name) and name != LOCAL:
        return {}
    classes, apart = network.setting.shape.classes, _few(network, j)
    told: dict[int, list[Told]] = {}
    for r in network.used:
        if r == j:
            continue
        site = network.setting.sites[r]
        if name == LOCAL and network.offered[j] is None:
            continue
        if name == LOCAL:  # peers know of it what was offered, and nothing else
            said = network.log_p(j, site.vx).argmax(1)
            said = hidden(site.vy, said, classes, network.least)
            said[apart] = np.nan
        else:
            said = ballots[f"site-{r}"][name]
        units = np.bincount(site.vy, minlength=classes)
        for cls in range(classes):
            if not np.isnan(said[cls]):
                heard = Told(float(said[cls]), middle(band(int(units[cls]))))
                told.setdefault(cls, []).append(heard)
    return told
