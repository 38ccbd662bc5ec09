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
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import Any

from modelward.errors import BadPrivacyTerms

INTERVAL = 1e-4
"""Grid of privacy losses. Losses are rounded up to it, so the bound holds for any value."""

COARSE = 1e-3
"""The grid on which searches start (fitting.py): ten times faster, and a bound as well."""

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
    return loss(canonical(events), checked(delta), INTERVAL)


def epsilon_rdp(events: Iterable[Event], delta: float) -> float:
    """Return the epsilon of all `events` together, by Renyi moments; see `epsilon`."""
    return moments(canonical(events), checked(delta))


def canonical(events: Iterable[Event]) -> tuple[Event, ...]:
    """Return the same uses with steps of equal sampling and noise counted together, sorted."""
    steps: Counter[tuple[float, float]] = Counter()
    for event in events:
        steps[event.sampling, event.noise] += event.steps
    return tuple(sorted(Event(q, sigma, total) for (q, sigma), total in steps.items()))


def surely_more(events: Iterable[Event], delta: float, limit: float) -> float | None:
    """Return an epsilon of `events` if it is plain on the coarse grid that it passes `limit`.

    Rounding a loss up to the grid raises it by less than a step of the grid, so the epsilon of
    T sums by less than T steps (Koskela et al. 2020, section 4): what is further above than
    that is above, whatever the grid. None where only the fine grid can tell.
    """
    listed = canonical(events)
    found = loss(listed, checked(delta), COARSE)
    room = COARSE * sum(event.steps for event in listed)
    return found if found - room > limit else None


def checked(delta: float) -> float:
    """Return `delta`.

    Raises:
        BadPrivacyTerms: If it is not in (0, 1).
    """
    if not 0.0 < delta < 1.0:
        raise BadPrivacyTerms(
            f"delta is {delta}",
            why="delta is the probability that the bound does not hold, between 0 and 1",
            remedy="use min(1e-5, 1/(10 N)) for N patients",
        )
    return delta


@lru_cache(maxsize=4096)
def loss(events: tuple[Event, ...], delta: float, interval: float) -> float:
    """Return epsilon of canonical `events` on one grid; it is asked alike for many patients."""
    from dp_accounting import pld  # noqa: PLC0415 - four seconds, only where it computes

    accountant = pld.PLDAccountant(value_discretization_interval=interval)
    return _compose(accountant, events, delta)


@lru_cache(maxsize=1024)
def moments(events: tuple[Event, ...], delta: float) -> float:
    """Return epsilon of canonical `events` by Renyi moments; see `epsilon_rdp`."""
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
