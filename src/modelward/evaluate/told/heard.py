"""What is known of the verdicts of hospitals where none is shown by itself.

Behind masks a hub knows how many hospitals came to which verdict, and the mean of their
differences. Under differential privacy it knows nothing of the kind, and the reason is told.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from modelward.evaluate.comparing.compare import Metric
from modelward.evaluate.comparing.verdict import Word
from modelward.evaluate.told.site_figures import METRICS, WORDS


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of a difference, federated minus local, over hospitals.

    Attributes:
        value: Each hospital counts alike.
        hospitals: How many were decided on this metric.
    """

    value: float
    hospitals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Verdicts of which none is shown by itself.

    Attributes:
        why: Why not, in a sentence.
        words: Word -> hospitals with this verdict; empty where no verdict is known.
        differences: Metric -> mean difference of the hospitals that were decided on it.
    """

    why: str
    words: dict[Word, int] = field(default_factory=dict)
    differences: dict[Metric, Mean] = field(default_factory=dict)


def heard_of(
    verdicts: NDArray[np.float64], differences: NDArray[np.float64], why: str
) -> Heard:
    """Return what sums over hospitals say.

    Args:
        verdicts: Hospitals by verdict, as study/report_answer.py orders them.
        differences: By metric, the sum of differences and how many there are, [2, 2].
        why: Why no verdict is shown by itself.
    """
    means = {
        metric: Mean(float(total / number), int(number))
        for metric, (total, number) in zip(METRICS, differences, strict=True)
        if number
    }
    found = {word: int(n) for word, n in zip(WORDS, verdicts, strict=True) if n}
    return Heard(why=why, words=found, differences=means)
