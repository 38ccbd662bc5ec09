"""What fits into an epsilon: how much noise, or how many steps; found by pricing.

A price is a bound on any grid of losses, and the finest grid is the dearest, so searches go
over the coarse one and end on the fine one: the answer is the fine grid's. What is far from
fitting (little noise, many steps) takes longest to price, so it is approached from the other
side. Prices themselves are accounting.py's.
"""

from collections.abc import Callable, Iterable
from math import inf

from modelward.errors import BadPrivacyTerms
from modelward.privacy.accounting import (
    COARSE,
    INTERVAL,
    Event,
    canonical,
    checked,
    loss,
    moments,
)

NOISE_STEPS = 1000
"""`noise_for` answers in multiples of 1/1000, so that it fits a study file exactly."""

MAX_NOISE = 1000
"""Largest noise multiplier that `noise_for` considers."""


def noise_for(
    target: float, delta: float, *, sampling: float, steps: int, before: Iterable[Event] = ()
) -> float:
    """Return the smallest noise multiplier that keeps within `target`.

    Args:
        target: Epsilon that may be spent, greater than 0.
        delta: In (0, 1).
        sampling: Probability that a unit is in one step.
        steps: Steps over all rounds.
        before: What was already spent on the same patients, and counts into `target`.

    Returns:
        A multiple of 1/1000 with epsilon(before + this event) <= target.

    Raises:
        BadPrivacyTerms: If no noise up to `MAX_NOISE` is enough.
    """
    spent, delta = canonical(before), checked(delta)
    top = MAX_NOISE * NOISE_STEPS

    def events(thousandths: int) -> tuple[Event, ...]:
        return canonical((*spent, Event(sampling, thousandths / NOISE_STEPS, steps)))

    def coarse(thousandths: int) -> float:
        return loss(events(thousandths), delta, COARSE)

    def fine(thousandths: int) -> bool:
        return loss(events(thousandths), delta, INTERVAL) <= target

    # Moments bracket from above: they stay cheap where noise is far too small.
    enough = NOISE_STEPS // 4
    while enough < top and moments(events(enough), delta) > target:
        enough = min(2 * enough, top)
    if not (target > 0.0 and (coarse(enough) <= target or fine(enough))):
        raise BadPrivacyTerms(
            f"no noise up to {MAX_NOISE} brings {steps} steps within epsilon {target:g}",
            why="what was spent before, or the number of steps, leaves nothing for this study",
            remedy="ask for a larger epsilon, fewer rounds, or other patients",
        )
    found = _first_within(coarse, target, enough)
    if not fine(found):  # the coarse grid is the looser one, but for what it cuts off
        found = enough
    return _descend(fine, found, stride=1) / NOISE_STEPS


def steps_within(
    target: float, delta: float, event: Event, before: Iterable[Event] = ()
) -> int:
    """Return how many steps like those of `event` fit into `target`; 0 if none does.

    Args:
        target: Epsilon that may be spent in all.
        delta: In (0, 1).
        event: Sampling and noise of the steps, and the largest answer.
        before: What was already spent on the same patients.
    """
    spent, delta = canonical(before), checked(delta)

    def cost(steps: int, interval: float = COARSE) -> float:
        more = Event(event.sampling, event.noise, steps)
        return loss(canonical((*spent, more)), delta, interval)

    if cost(event.steps, INTERVAL) <= target:
        return event.steps
    if cost(event.steps) <= target:  # within a rounding of the grid
        return event.steps - 1
    if event.steps == 1 or cost(1) > target:
        return 0
    return _interpolated(cost, target, (event.steps, 1), along=float)


def _first_within(cost: Callable[[int], float], target: float, high: int) -> int:
    """Return the smallest n >= 1 with `cost` at most `target`; it falls, and is so at `high`.

    The range is halved from above until it fails: far too little noise is never priced.
    """
    low = high // 2
    while low >= 1 and cost(low) <= target:
        low, high = low // 2, low
    if low < 1:
        return high
    return _interpolated(cost, target, (low, high), along=lambda n: 1.0 / n)


def _interpolated(
    cost: Callable[[int], float],
    target: float,
    ends: tuple[int, int],
    along: Callable[[int], float],
) -> int:
    """Return the n nearest to where `cost` passes `target`, on the side that is within.

    By false position, as Dowell and Jarratt 1971 weigh it (the Illinois rule): an end that
    stays is given half its distance. Every fourth time the range is halved.

    Args:
        cost: Rises or falls throughout.
        target: What it is held to.
        ends: An n whose cost is more than `target`, and one whose cost is not; either may be
            the larger.
        along: Of n, what the cost is nearly a line of: n for steps, 1/n for noise.
    """
    over, within = ends
    above, below = cost(over) - target, target - cost(within)
    times, stayed = 0, 0
    while abs(over - within) > 1:
        times += 1
        share = above / (above + below) if below >= 0.0 and above < inf else 0.5
        at = along(over) + share * (along(within) - along(over))
        guess = round(at if along(1) < along(2) else 1.0 / at)  # along is its own inverse
        if not times % 4:
            guess = (over + within) // 2
        guess = min(max(guess, min(over, within) + 1), max(over, within) - 1)
        off = cost(guess) - target
        if off > 0.0:
            over, above, below = guess, off, below / 2 if stayed > 0 else below
            stayed = 1
        else:
            within, below, above = guess, -off, above / 2 if stayed < 0 else above
            stayed = -1
    return within


def _descend(holds: Callable[[int], bool], high: int, stride: int) -> int:
    """Return the smallest n >= 1 for which `holds`, looking first near `high`, where it does.

    Strides double until `holds` fails, then the last one is halved. None is longer than an
    eighth of the way: far too little noise takes very long to price.
    """
    while high > 1 and holds(high - stride):
        high -= stride
        stride = max(1, min(2 * stride, high // 8))
    return _smallest(holds, high - stride, high) if high > 1 else high


def _smallest(holds: Callable[[int], bool], low: int, high: int) -> int:
    """Return the smallest n in (low, high] for which `holds`, given that it does for `high`."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
