"""A time to event as intervals: what a network is trained on, and when yes or no is known.

The study names the last day of each interval, and the last one is its horizon
(core/targets.TimeToEventTarget). The yes/no question of such a study is whether the event came
by then: whoever left before it without the event is in no yes/no figure, because nobody
knows. Such a unit counts in training and in the figures of evaluate/measures/lifetimes.py.
"""

import numpy as np
from numpy.typing import NDArray

from modelward.core.study import Study
from modelward.core.targets import TimeToEventTarget

Floats = NDArray[np.float64]


def ends_of(study: Study) -> Floats:
    """Return the last day of each interval, [intervals]; none where the study has none."""
    outcome = study.outcome
    given = outcome.intervals if isinstance(outcome, TimeToEventTarget) else None
    return np.array(given or (), np.float64)


def targets(ends: Floats, days: Floats, event: NDArray[np.int8]) -> NDArray[np.float32]:
    """Return event and interval of every unit, float32 [n, 2], as recipes are trained on.

    With the event the second is the interval, from 0, that the day is in (its last day
    included). Without, it is the number of whole intervals that were survived (Gensheimer
    and Narasimhan 2019, section "Loss function").

    Args:
        ends: Last days, rising.
        days: Until the event or the end of follow-up, at most the last of `ends`.
        event: 1 where it was the event.
    """
    having = np.searchsorted(ends, days, side="left")
    without = np.searchsorted(ends, days, side="right")
    place = np.where(event == 1, having, without)
    return np.stack([event, place], axis=1).astype(np.float32)


def unknown(ends: Floats, days: Floats, event: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Return who left before the horizon without the event, [n]."""
    return np.asarray((event == 0) & (days < ends[-1]))
