"""Means that a few wrong hospitals cannot move far.

A weighted mean follows whoever sends the longest update. These rules bound what `byzantine`
of n sites can do together. Every site counts once: a number of patients is a claim, and a
rule that believes it can be moved by a lie.

    mean                 no defence; one site moves it anywhere
    median               coordinate-wise, Yin et al. 2018, arXiv:1803.01498
    trimmed-mean         coordinate-wise without the f largest and smallest, ibid.
    geometric-median     smoothed Weiszfeld, Pillutla et al. 2022, arXiv:1912.13445
    multi-krum           mean of the n - f best connected, Blanchard et al. 2017,
                         arXiv:1703.02757
    centred-clipping     Karimireddy et al. 2021, arXiv:2012.10333, around the median

Nearest-neighbour mixing (`mixed`, Allouah et al. 2023, arXiv:2302.01772) goes before any of
them: every update is replaced by the mean of its n - f nearest, which takes away most of the
honest difference between hospitals that attacks hide in. Median and trimmed mean without it
lose to the plain mean where hospitals differ.

Adaptive robust clipping (`shortened`, Allouah et al. 2024, arXiv:2405.14432) goes before both,
where the study asks for it: the k longest updates are shortened to the length of the next
one. Large hospitals make more steps and send longer updates; mixing then keeps to the short
ones in the middle, where an attacker who knows the mean can turn their sum round. Measured in
docs/strategies.md.

Rows are in the order of the site names, so that nothing depends on who answered first.
Memory: n updates, one more set where they are mixed; not one per site pair.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from modelward.core.study import Robust
from modelward.core.tensors import FlatF32
from modelward.errors import BadUpdate

Rows = NDArray[np.float32]
"""Updates of n sites, [n, size]."""

CHUNK = 1 << 14
"""Columns worked on at once."""

SMOOTHING = 1e-6
"""Weiszfeld: shortest distance divided by; Pillutla et al., Algorithm 2."""

WEISZFELD_STEPS = 32
CLIPPING_STEPS = 5


def robust_mean(rows: Rows, choice: Robust) -> FlatF32:
    """Return the update that `choice` makes of the sites' updates.

    Args:
        rows: One update per site, [n, size].
        choice: The study's `[plan.robust]`.

    Returns:
        float32 [size].

    Raises:
        BadUpdate: If there are not more than twice `byzantine` updates, or one is not finite.
    """
    count = len(rows)
    if count <= 2 * choice.byzantine:
        raise BadUpdate(
            f"{count} updates cannot outvote {choice.byzantine} wrong ones",
            why="a robust rule needs more than twice as many updates as it must withstand",
            remedy="ask more sites, or lower byzantine in [plan.robust]",
        )
    if not np.isfinite(rows).all():
        raise BadUpdate(
            "an update is not finite",
            why="no rule can tell how far it lies from the others",
            remedy="its site must repair its training; the gate should have refused it",
        )
    rows = compared(rows, choice)
    if choice.mixing and choice.byzantine:
        rows = mixed(rows, choice.byzantine)
    return _RULES[choice.rule](rows, choice.byzantine)


def compared(rows: Rows, choice: Robust) -> Rows:
    """Return the updates as the rule compares them: shortened where the study says so."""
    return shortened(rows, choice.byzantine) if choice.clipping else rows


def shortened(rows: Rows, byzantine: int) -> Rows:
    """Return rows of which the k longest are as long as the next one (ARC, Algorithm 1).

    k = floor(2 f (n - f) / n) for f = `byzantine` of n rows; nothing changes where k is 0.
    """
    count = len(rows)
    longest = 2 * byzantine * (count - byzantine) // count
    far = lengths(rows, np.zeros(rows.shape[1]))
    bound = np.sort(far)[count - 1 - longest]
    scale = np.minimum(1.0, bound / np.maximum(far, SMOOTHING))
    return (rows * scale[:, None]).astype(np.float32) if longest else rows


def mixed(rows: Rows, byzantine: int) -> Rows:
    """Return each row's mean with its nearest, n - `byzantine` rows in all, itself included."""
    keep = len(rows) - byzantine
    nearest = np.argsort(squared_distances(rows), axis=1, kind="stable")[:, :keep]
    nearest.sort(axis=1)  # the sum is taken in the order of the sites
    means = np.empty_like(rows)
    for part in _parts(rows.shape[1]):
        columns = rows[:, part].astype(np.float64)
        for site, members in enumerate(nearest):
            means[site, part] = columns[members].mean(axis=0)
    return means


def squared_distances(rows: Rows) -> NDArray[np.float64]:
    """Return squared Euclidean distances between rows, [n, n].

    Differences are squared, not expanded into products, which would lose close rows to
    rounding; and no matrix library takes part, whose sums may depend on its threads.
    """
    found = np.zeros((len(rows), len(rows)))
    for part in _parts(rows.shape[1]):
        columns = rows[:, part].astype(np.float64)
        for site in range(1, len(rows)):
            gap = columns[:site] - columns[site]
            found[site, :site] += np.square(gap, out=gap).sum(axis=1)
    return found + found.T


def _mean(rows: Rows, _: int) -> FlatF32:
    return _by_columns(rows, lambda columns: columns.mean(axis=0))


def _median(rows: Rows, _: int) -> FlatF32:
    return _by_columns(rows, lambda columns: np.median(columns, axis=0))


def _trimmed_mean(rows: Rows, byzantine: int) -> FlatF32:
    inner = slice(byzantine, len(rows) - byzantine)
    return _by_columns(rows, lambda columns: np.sort(columns, axis=0)[inner].mean(axis=0))


def _multi_krum(rows: Rows, byzantine: int) -> FlatF32:
    """Score: squared distances to the n - f - 2 nearest others; the best n - f are averaged."""
    others = np.sort(squared_distances(rows), axis=1)[:, 1:]
    score = others[:, : max(1, len(rows) - byzantine - 2)].sum(axis=1)
    best = np.sort(np.argsort(score, kind="stable")[: len(rows) - byzantine])
    return _mean(rows[best], 0)


def _geometric_median(rows: Rows, _: int) -> FlatF32:
    centre = _mean(rows, 0).astype(np.float64)
    for _step in range(WEISZFELD_STEPS):
        weight = 1.0 / np.maximum(lengths(rows, centre), SMOOTHING)
        moved = _weighted(rows, weight / weight.sum())
        still = np.abs(moved - centre).max(initial=0.0) <= 1e-9 * np.abs(moved).max(initial=0.0)
        centre = moved
        if still:
            break
    return centre.astype(np.float32)


def _centred_clipping(rows: Rows, _: int) -> FlatF32:
    """Clip to the median distance from the coordinate median, and move there; a few times."""
    centre = _median(rows, 0).astype(np.float64)
    for _step in range(CLIPPING_STEPS):
        far = lengths(rows, centre)
        scale = np.minimum(1.0, np.median(far) / np.maximum(far, SMOOTHING)) / len(rows)
        centre = centre * (1 - scale.sum()) + _weighted(rows, scale)
    return centre.astype(np.float32)


def relative_distances(rows: Rows, combined: FlatF32) -> NDArray[np.float64]:
    """Return each row's distance from `combined` over the median of these distances, [n].

    Honest hospitals differ: one with other patients lies further out than the rest, round
    after round. So this is shown to people, and nobody is left out by it.
    """
    far = lengths(rows, combined)
    return far / max(float(np.median(far)), SMOOTHING)


def lengths(rows: Rows, centre: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the Euclidean distance of each row from `centre`, [n]."""
    found = np.zeros(len(rows))
    for part in _parts(rows.shape[1]):
        gap = rows[:, part].astype(np.float64) - centre[part]
        found += np.square(gap, out=gap).sum(axis=1)
    return np.sqrt(found)


def _weighted(rows: Rows, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.zeros(rows.shape[1])
    for row, weight in zip(rows, weights, strict=True):
        total += row * weight
    return total


def _by_columns(
    rows: Rows, rule: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> FlatF32:
    result = np.empty(rows.shape[1], np.float32)
    for part in _parts(rows.shape[1]):
        result[part] = rule(rows[:, part].astype(np.float64))
    return result


def _parts(size: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, size, CHUNK))


_RULES: dict[str, Callable[[Rows, int], FlatF32]] = {
    "mean": _mean,
    "median": _median,
    "trimmed-mean": _trimmed_mean,
    "geometric-median": _geometric_median,
    "multi-krum": _multi_krum,
    "centred-clipping": _centred_clipping,
}
