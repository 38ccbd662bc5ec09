"""Updates as whole steps of one grid, so that few bits a value are enough behind masks.

    [q_1 ... q_m, values beyond the range, units]     modulo 2^8 or 2^16 (core/ring.py)
    q = w x / (W step), rounded up or down at random, so that its mean is exact
    step = range / levels, so |q| <= levels

Masked words have to add up, so step and W are the study's (`[plan.uplink] range`, `levels` and
`max_patients`) and the same at every site; the open code of artifact/codec.py has a step for
each tensor of each site. The weight goes in before rounding: a weighted whole number would
need log2(W) bits more in every word. Over n sites the sum is within n levels of zero, which
the width of the words holds: nothing wraps. What a site cannot express, more than W units, is
refused; values beyond the range are cut to it, and their number is summed with the rest, in
digits, as the units are.

Rounding is in whole numbers: with x = k 2^-24 and step = s 2^-24, q = floor((w k + r) / (W s))
for r uniform in 0 .. W s - 1 (Alistarh et al. 2017, arXiv:1610.02132, section 3, has the
rounding). All numbers stay below 2^63 by the bounds of core/training.py: k < 2^30 after the
cut, w <= W <= 2^25.

A code changes nothing about what masks hide, or what noise that is in x already bounds: it
is a function of x and of public draws.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from modelward.core.ring import (
    COUNTS,
    DIGIT_BITS,
    MAX_SITES,
    coded_words,
    digits,
    ring_bits,
)
from modelward.core.study import Study
from modelward.core.task import TaskKind
from modelward.core.tensors import FlatF32
from modelward.errors import BadUpdate
from modelward.privacy.masks.grid import (
    MAX_WEIGHT,
    UPDATE_BITS,
    Words,
    largest_weight,
    whole_units,
)

CHUNK = 1 << 16
"""Values coded at once."""


@dataclass(frozen=True, slots=True)
class Code:
    """The grid of a study's masked updates.

    Attributes:
        step: In units of 2^-24, at least 1.
        levels: Steps each way, 1 to 127.
        heaviest: Units that a site may count for, 1 to 2^25; W above.
    """

    step: int
    levels: int
    heaviest: int

    @classmethod
    def of(cls, study: Study, kind: TaskKind) -> Self | None:
        """Return the code of masked answers to tasks of `kind`; None if they have none."""
        uplink = study.plan.uplink
        if uplink is None or kind != "train" or study.privacy.aggregation is None:
            return None
        if uplink.range is None or uplink.max_patients is None:
            raise AssertionError("study/uplink_terms.py refuses such a study")
        step = max(1, round(uplink.range * 2.0**UPDATE_BITS / uplink.steps))
        return cls(step, uplink.steps, uplink.max_patients)

    @property
    def unit(self) -> int:
        """What a step of the sum stands for: units of 2^-24, times units of a site."""
        return self.step * self.heaviest

    @property
    def limit(self) -> int:
        """The largest value that is not cut, in units of 2^-24."""
        return self.step * self.levels

    def bits(self, sites: int) -> int:
        """Return the width of words that hold a sum over `sites` sites."""
        return ring_bits(sites, self.levels)


@dataclass(frozen=True, slots=True, eq=False)
class Total:
    """A sum of updates.

    Attributes:
        values: Weighted, in units of 2^-24, [size].
        weight: Units behind it.
        clipped: Values that were cut to the range, over all sites; 0 without a code.
    """

    values: NDArray[np.int64]
    weight: int
    clipped: int = 0


def words_of(
    flat: FlatF32, weight: int, code: Code, sites: tuple[int, int], draw: np.random.Generator
) -> Words:
    """Return an update as it is masked, [core.ring.coded_words(size)].

    Args:
        flat: float32 on the grid of updates, [size].
        weight: Units behind it, 1 to `code.heaviest`.
        code: The study's.
        sites: Sites of this sum, and of the whole roster.
        draw: For rounding at random.

    Raises:
        BadUpdate: If the update is off the grid, not finite or out of range, or the weight is.
    """
    summed, everybody = sites
    most = largest_weight(everybody)
    if not 1 <= weight <= code.heaviest <= most:
        raise BadUpdate(
            f"weight {weight} in a coded sum over {everybody} sites",
            why=f"the study has sites count for at most {code.heaviest}, and so that no sum "
            f"can wrap, that is at most {most}",
            remedy="agree on other plan.uplink.max_patients in the next version of the study",
        )
    whole, bits = whole_units(flat), code.bits(summed)
    clipped = _beyond(whole, code)
    np.clip(whole, -code.limit, code.limit, out=whole)
    whole *= weight
    words = np.empty(coded_words(flat.size, bits), f"<u{bits // 8}")
    for start in range(0, flat.size, CHUNK):
        part = whole[start : start + CHUNK]
        part += draw.integers(0, code.unit, part.size)
        words[start : start + part.size] = part // code.unit
    tail = words[flat.size :].reshape(COUNTS, -1)
    for row, number in zip(tail, (clipped, weight), strict=True):
        row[:] = _digits(number, bits)
    return words


def cut_values(flat: FlatF32, code: Code) -> int:
    """Return how many values of an update are cut to the range; the words tell as many."""
    return _beyond(whole_units(flat), code)


def read(total: Words, code: Code) -> Total:
    """Return what a sum of such words says.

    Raises:
        BadUpdate: If the units are not between 1 and 2^31, or more values were cut than there
            are, as when a mask is left in the sum.
    """
    bits = 8 * total.itemsize
    tail = COUNTS * digits(bits)
    steps = total[: total.size - tail].view(f"<i{bits // 8}").astype(np.int64)
    clipped, weight = (_number(row, bits) for row in total[-tail:].reshape(COUNTS, -1))
    most = int(np.abs(steps).max(initial=0))
    beyond = most > MAX_SITES * code.levels or clipped > steps.size * weight
    if not 1 <= weight <= MAX_WEIGHT or beyond:
        raise BadUpdate(
            f"a coded sum has the total weight {weight}, {clipped} values that were cut, and "
            f"up to {most} steps",
            why=f"a sum without its masks has a weight from 1 to {MAX_WEIGHT}, and no more "
            f"steps than {MAX_SITES} sites could add",
            remedy="repeat the round; if it happens again, a site does not follow the protocol",
        )
    steps *= code.unit
    return Total(steps, weight, clipped)


def _beyond(whole: NDArray[np.int64], code: Code) -> int:
    return int(np.count_nonzero(np.abs(whole) > code.limit))


def _digits(number: int, bits: int) -> NDArray[np.int64]:
    width = DIGIT_BITS[bits]
    places = np.arange(digits(bits), dtype=np.int64) * width
    return (np.int64(number) >> places) & ((1 << width) - 1)


def _number(row: Words, bits: int) -> int:
    width = DIGIT_BITS[bits]
    return sum(int(digit) << (place * width) for place, digit in enumerate(row))
