"""What happened to patients' data, and what it costs: events to epsilon.

An `Event` says what was done: how often a patient was sampled, how much noise was added, how
many times. It never says an epsilon. Epsilons are computed from all events together, so the
price of two studies is less than the sum of their prices, and a better accountant lowers
the price of what is already recorded.

    epsilon        privacy loss distributions (Koskela et al. 2020, arXiv:1906.03049; Doroshenko
                   et al. 2022, arXiv:2207.04380), as google/dp_accounting 0.6 composes them
    epsilon_rdp    Renyi moments (Mironov 2017, arXiv:1702.07476; Mironov et al. 2019,
                   arXiv:1908.10530), by the same library: an independent, looser bound

Neighbours differ by one unit, added or removed. One unit is whoever the study counts: a
patient with all rows, never a row. Sampling is Poisson, each unit by its own coin: batches
of a fixed size are a different mechanism, of another price, and have no event here.

Both functions are upper bounds. Steps of equal noise are counted together before anything
is composed, in one fixed order, so the order of studies cannot change a bit of the result.

dp_accounting takes four seconds to import, so it is imported where it computes.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import exp, inf, log
from typing import Any

from modelward.errors import BadPrivacyTerms

INTERVAL = 1e-4
"""Grid of privacy losses. Losses are rounded up to it, so the bound holds for any value."""

COARSE = 1e-3
"""The grid on which searches start: ten times faster, and a bound as well."""

NOISE_STEPS = 1000
"""`noise_for` answers in multiples of 1/1000, so that it fits a study file exactly."""

MAX_NOISE = 1000
"""Largest noise multiplier that `noise_for` considers."""

RENYI_ORDERS = (
    *(tenths / 10 for tenths in range(20, 110)),
    *(float(order) for order in range(11, 64)),
    *(80.0, 96.0, 128.0, 192.0, 256.0, 512.0, 1024.0),
)
"""Orders tried by `epsilon_rdp`; any set gives a bound. Below 2 some fail to converge."""


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """One use of patients' data: `steps` noised sums over Poisson samples.

    Attributes:
        sampling: Probability q that a unit is in the sum of one step, in (0, 1]; 1 for
            statistics, where every unit is in.
        noise: Standard deviation of the Gaussian noise, divided by the L2 norm that one
            unit can move the sum by (sigma). Greater than 0.
        steps: Sums released, at least 1 (T).

    Raises:
        BadPrivacyTerms: If any of the above does not hold.
    """

    sampling: float
    noise: float
    steps: int

    def __post_init__(self) -> None:
        if not (
            0.0 < self.sampling <= 1.0
            and 0.0 < self.noise < inf
            and self.steps >= 1
            and self.steps == int(self.steps)
        ):
            raise BadPrivacyTerms(
                f"an event of sampling {self.sampling}, noise {self.noise}, steps {self.steps}",
                why="only noised sums over Poisson samples have a price",
                remedy="use 0 < sampling <= 1, noise > 0 and a whole number of steps >= 1",
            )


def epsilon(events: Iterable[Event], delta: float) -> float:
    """Return the epsilon of all `events` together, by privacy loss distributions.

    Args:
        events: Every use of one patient's data; none costs nothing.
        delta: In (0, 1).

    Returns:
        At least 0; infinite if `delta` is too small for any bound.

    Raises:
        BadPrivacyTerms: If `delta` is not in (0, 1).
    """
    return _loss(canonical(events), _checked(delta), INTERVAL)


def epsilon_rdp(events: Iterable[Event], delta: float) -> float:
    """Return the epsilon of all `events` together, by Renyi moments; see `epsilon`."""
    return _moments(canonical(events), _checked(delta))


def canonical(events: Iterable[Event]) -> tuple[Event, ...]:
    """Return the same uses with steps of equal sampling and noise counted together, sorted."""
    steps: Counter[tuple[float, float]] = Counter()
    for event in events:
        steps[event.sampling, event.noise] += event.steps
    return tuple(sorted(Event(q, sigma, total) for (q, sigma), total in steps.items()))


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
    spent, delta = canonical(before), _checked(delta)
    top = MAX_NOISE * NOISE_STEPS

    def events(thousandths: int) -> tuple[Event, ...]:
        return canonical((*spent, Event(sampling, thousandths / NOISE_STEPS, steps)))

    def coarse(thousandths: int) -> float:
        return _loss(events(thousandths), delta, COARSE)

    def fine(thousandths: int) -> bool:
        return _loss(events(thousandths), delta, INTERVAL) <= target

    # Moments bracket from above: they stay cheap where noise is far too small.
    enough = NOISE_STEPS // 4
    while enough < top and _moments(events(enough), delta) > target:
        enough = min(2 * enough, top)
    if not (target > 0.0 and fine(enough)):
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
    spent, delta = canonical(before), _checked(delta)

    def cost(steps: int, interval: float = COARSE) -> float:
        more = Event(event.sampling, event.noise, steps)
        return _loss(canonical((*spent, more)), delta, interval)

    if cost(event.steps, INTERVAL) <= target:
        return event.steps
    if cost(event.steps) <= target:  # within a rounding of the grid
        return event.steps - 1
    if event.steps == 1 or cost(1) > target:
        return 0
    return _interpolated(cost, target, (event.steps, 1))


def surely_more(events: Iterable[Event], delta: float, limit: float) -> float | None:
    """Return an epsilon of `events` if it is plain on the coarse grid that it passes `limit`.

    Rounding a loss up to the grid raises it by less than a step of the grid, so the epsilon of
    T sums by less than T steps (Koskela et al. 2020, section 4): what is further above than
    that is above, whatever the grid. None where only the fine grid can tell.
    """
    listed = canonical(events)
    found = _loss(listed, _checked(delta), COARSE)
    room = COARSE * sum(event.steps for event in listed)
    return found if found - room > limit else None


def _first_within(cost: Callable[[int], float], target: float, high: int) -> int:
    """Return the smallest n >= 1 with `cost` at most `target`; it falls, and is so at `high`.

    The range is halved from above until it fails: far too little noise is never priced.
    """
    low = high // 2
    while low >= 1 and cost(low) <= target:
        low, high = low // 2, low
    if low < 1:
        return high
    return _interpolated(cost, target, (low, high))


def _interpolated(cost: Callable[[int], float], target: float, ends: tuple[int, int]) -> int:
    """Return the n nearest to where `cost` passes `target`, on the side that is within.

    A cost is nearly a power of n, so the next guess is on the line through the ends in
    logarithms; every third one halves the range, so that there are never many.

    Args:
        cost: Rises or falls throughout.
        target: What it is held to.
        ends: An n whose cost is more than `target`, and one whose cost is not; either may be
            the larger.
    """
    over, within = ends
    times = 0
    while abs(over - within) > 1:
        times += 1
        guess = (over + within) // 2
        above, below = cost(over), cost(within)
        if times % 3 and 0.0 < below < above < inf and target > 0.0:
            share = (log(target) - log(below)) / (log(above) - log(below))
            guess = round(exp(log(within) + share * (log(over) - log(within))))
        guess = min(max(guess, min(over, within) + 1), max(over, within) - 1)
        over, within = (guess, within) if cost(guess) > target else (over, guess)
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


def _checked(delta: float) -> float:
    if not 0.0 < delta < 1.0:
        raise BadPrivacyTerms(
            f"delta is {delta}",
            why="delta is the probability that the bound does not hold, between 0 and 1",
            remedy="use min(1e-5, 1/(10 N)) for N patients",
        )
    return delta


@lru_cache(maxsize=4096)
def _loss(events: tuple[Event, ...], delta: float, interval: float) -> float:
    """Compose canonical `events`; equal questions are asked for many patients."""
    from dp_accounting import pld  # noqa: PLC0415 - four seconds, only where it computes

    accountant = pld.PLDAccountant(value_discretization_interval=interval)
    return _compose(accountant, events, delta)


@lru_cache(maxsize=1024)
def _moments(events: tuple[Event, ...], delta: float) -> float:
    from dp_accounting import rdp  # noqa: PLC0415 - four seconds, only where it computes

    return _compose(rdp.RdpAccountant(RENYI_ORDERS), events, delta)


def _compose(
    accountant: Any,  # noqa: ANN401 - dp_accounting has no types
    events: tuple[Event, ...],
    delta: float,
) -> float:
    import dp_accounting as dp  # noqa: PLC0415 - four seconds, only where it computes

    for event in events:
        noised = dp.GaussianDpEvent(event.noise)
        step = (
            noised
            if event.sampling == 1.0
            else dp.PoissonSampledDpEvent(event.sampling, noised)
        )
        accountant.compose(step, event.steps)
    return float(accountant.get_epsilon(delta)) if events else 0.0
