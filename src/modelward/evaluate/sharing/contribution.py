"""What each site's updates added, by Shapley values over recombined rounds.

A coalition S has a worth v(S) in every round, and a site's contribution is its Shapley value
(Shapley 1953), averaged over the rounds:

    measured    v(S) = worth of the round's model moved by the step of S (coalition.py), minus
                that of the model before, such as the fall of the validation loss (Wang et al.
                2020, arXiv:2009.06192, federated Shapley value, who move it by the mean of S).
                Needs units to measure on.
    direction   v(S) = cos(sum of u_i over S, sum of u_i over all), u_i = update / its norm
                (Xu et al. 2021, "Gradient driven rewards", NeurIPS 34, eq. 2). Needs updates
                only, so anyone with the released artifacts computes it, and knows less: a
                site whose patients differ from all others points elsewhere and is rated
                lower, and where half of the sites are wrong the right ones are not told apart.

Every site counts once: none gains by a longer update or by counting its patients twice
(directions have no length). A zero update adds nothing, and an update that only repeats the hub
is one. Updates that are the same up to their length (cosine above `SAME`) in every round are
one player, whose worth its sites divide: a copy gains nothing for the two. In studies that sign
this rule the same records give the same update (site/answering/by_content.py); who trains on
copies that are changed is not found. Exact up to `EXACT` players, else permutations that end
where little is left to gain (Ghorbani and Zou 2019, arXiv:1904.02868). Leave-one-out is v(all)
- v(all but one).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb, sqrt

import numpy as np
from numpy.typing import NDArray

from modelward.evaluate.predictions import Floats

EXACT = 8
"""Players up to which every coalition is asked."""

PERMUTATIONS = 400
"""Orders that are tried beyond."""

LITTLE = 1e-3
"""Worth below which the rest of an order is taken to add nothing."""

SAME = 1.0 - 1e-6
"""Cosine above which two updates are the same; honest sites of a small model reach 0.99."""

RESAMPLES = 1000
"""Of the rounds, for intervals."""

FEWEST_ROUNDS = 3
"""With fewer rounds no interval is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What one site added.

    Attributes:
        shapley: Mean over the rounds; over the sites they sum to at most 1.
        low: Lower end of a 95 % interval over resampled rounds; None if too few.
        high: Upper end.
        leave_one_out: Mean over the rounds of what is missing without the site.
        cosine: Mean cosine of its updates with those of all together.
        same_as: Sites whose updates point the same way in every round.
        repeats: Rounds in which its update was what the hub had told (coalition.py).
    """

    shapley: float
    low: float | None
    high: float | None
    leave_one_out: float
    cosine: float
    same_as: tuple[str, ...]
    repeats: int = 0


Worth = Callable[[Sequence[int]], float]
"""v of some sites of a round, by their places; 0 for nobody."""


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """One round to be divided.

    Attributes:
        sites: Who was in it, by name.
        gram: Inner products of their updates, [n, n].
        measured: v of a coalition, where there are units to measure on; else None.
        repeats: Who sent what the hub had told; their updates are zeros in the others.
    """

    sites: tuple[str, ...]
    gram: Floats
    measured: Worth | None = None
    repeats: frozenset[str] = frozenset()


def inner_products(rows: NDArray[np.float32]) -> Floats:
    """Return the inner products of updates [n, size], summed in a fixed order, [n, n]."""
    found = np.zeros((len(rows), len(rows)))
    for one in range(len(rows)):
        wide = rows[one].astype(np.float64)
        for other in range(one + 1):
            found[one, other] = found[other, one] = float(np.sum(wide * rows[other]))
    return found


def contributions(rounds: Sequence[Round], rng: np.random.Generator) -> dict[str, Contribution]:
    """Return what each site added, by name.

    Args:
        rounds: At least one.
        rng: Source of permutations and resamples; equally seeded, the same result.
    """
    names = sorted({site for each in rounds for site in each.sites})
    alike = _alike(rounds, names)
    values = np.zeros((len(rounds), len(names)))
    left, aligned = values.copy(), values.copy()
    for number, each in enumerate(rounds):
        places = [names.index(site) for site in each.sites]
        players = _players(each.sites, alike)
        unit = _unit(each.gram, [members[0] for members in players])
        worth = _of_players(each, unit, players)
        added, missing = shapley(worth, len(players), rng), _left_out(worth, len(players))
        cosines = unit.sum(axis=1) / sqrt(max(float(unit.sum()), 1e-300))
        for player, members in enumerate(players):
            for member in members:
                values[number, places[member]] = added[player] / len(members)
                left[number, places[member]] = missing[player] if len(members) == 1 else 0.0
                aligned[number, places[member]] = cosines[player]
    low, high = _interval(values, rng)
    return {
        name: Contribution(
            shapley=float(values[:, place].mean()),
            low=None if low is None else float(low[place]),
            high=None if high is None else float(high[place]),
            leave_one_out=float(left[:, place].mean()),
            cosine=float(aligned[:, place].mean()),
            same_as=tuple(sorted(alike[name] - {name})),
            repeats=sum(name in each.repeats for each in rounds),
        )
        for place, name in enumerate(names)
    }


def shapley(worth: Worth, number: int, rng: np.random.Generator) -> Floats:
    """Return Shapley values of `worth` over `number` players, [number]."""
    if number <= EXACT:
        return _exact(worth, number)
    total, found = worth(range(number)), np.zeros(number)
    for _ in range(PERMUTATIONS):
        before, inside = 0.0, list[int]()
        for player in rng.permutation(number):
            if inside and abs(total - before) < LITTLE:
                break
            inside.append(int(player))
            after = worth(inside)
            found[player] += after - before
            before = after
    return found / PERMUTATIONS


def direction(unit: Floats) -> Worth:
    """Return v by direction, from inner products of unit updates."""
    whole = float(unit.sum())

    def worth(members: Sequence[int]) -> float:
        mine = unit[list(members)]
        length = float(mine[:, list(members)].sum())
        if length <= 1e-12 or whole <= 1e-12:  # noqa: PLR2004 - nobody, or they cancel
            return 0.0
        return float(mine.sum()) / sqrt(length * whole)

    return worth


def shares(values: Mapping[str, float]) -> dict[str, float]:
    """Return each site's part of the positive values, summing to 1; alike if none is."""
    positive = {site: max(value, 0.0) for site, value in values.items()}
    whole = sum(positive.values())
    if whole <= 0.0:
        return {site: 1.0 / len(positive) for site in positive}
    return {site: value / whole for site, value in positive.items()}


def _exact(worth: Worth, number: int) -> Floats:
    known = {
        chosen: worth(chosen)
        for size in range(number + 1)
        for chosen in combinations(range(number), size)
    }
    found = np.zeros(number)
    for chosen, value in known.items():
        weight = 1.0 / (number * comb(number - 1, len(chosen))) if len(chosen) < number else 0
        for player in range(number):
            if player not in chosen:
                found[player] += weight * (known[tuple(sorted((*chosen, player)))] - value)
    return found


def _of_players(each: Round, unit: Floats, players: Sequence[Sequence[int]]) -> Worth:
    """Return v of players; of each player its first site speaks."""
    measured = each.measured
    if measured is None:
        return direction(unit)
    first = [members[0] for members in players]
    known: dict[tuple[int, ...], float] = {}

    def worth(chosen: Sequence[int]) -> float:
        sites = tuple(sorted(first[player] for player in chosen))
        if sites not in known:
            known[sites] = measured(sites) if sites else 0.0
        return known[sites]

    return worth


def _left_out(worth: Worth, number: int) -> Floats:
    total = worth(range(number))
    return np.array(
        [
            total - worth([each for each in range(number) if each != one])
            for one in range(number)
        ]
    )


def _unit(gram: Floats, first: Sequence[int]) -> Floats:
    """Return inner products of unit updates of some sites; a zero update stays zero."""
    norm = np.sqrt(np.maximum(np.diag(gram)[list(first)], 0.0))
    scale = np.divide(1.0, norm, out=np.zeros_like(norm), where=norm > 0)
    found: Floats = gram[np.ix_(first, first)] * scale[:, None] * scale[None, :]
    return found


def _players(sites: Sequence[str], alike: Mapping[str, set[str]]) -> list[list[int]]:
    """Return the places of the sites of each player."""
    players: list[list[int]] = []
    for place, site in enumerate(sites):
        mine = next((p for p in players if sites[p[0]] in alike[site]), None)
        if mine is None:
            players.append([place])
        else:
            mine.append(place)
    return players


def _alike(rounds: Sequence[Round], names: Sequence[str]) -> dict[str, set[str]]:
    """Return for each site those that pointed its way in every round of both, itself too."""
    alike = {name: {name} for name in names}
    for one, other in combinations(names, 2):
        seen = [
            _cosine(each.gram, each.sites.index(one), each.sites.index(other))
            for each in rounds
            if one in each.sites and other in each.sites
        ]
        if seen and min(seen) > SAME:
            joined = alike[one] | alike[other]
            for name in joined:
                alike[name] = joined
    return alike


def _cosine(gram: Floats, one: int, other: int) -> float:
    length = float(gram[one, one] * gram[other, other])
    return float(gram[one, other]) / sqrt(length) if length > 0 else 0.0


def _interval(
    values: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats] | tuple[None, None]:
    """Return 95 % percentile intervals of the mean over resampled rounds."""
    if len(values) < FEWEST_ROUNDS:
        return None, None
    picked = rng.integers(0, len(values), (RESAMPLES, len(values)))
    means = values[picked].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    return low, high
