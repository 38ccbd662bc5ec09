"""Numbers that can be read and do not mean what they say: signs for "not known", two units.

Rules over the values of one number feature, in the study's unit, before its range was applied:

    placeholder   one value outside of the range stands there again and again (-999, 9999)
    outside       many different values lie outside of the range
    zeros         0 is in the range, is there often, and next to it is nothing
    two units     values lie in two groups with nothing between, a factor of three apart

What lies outside of a range is missing and is never trained on; these rules see that somebody
looks at why. They are coarse, as those of plausible.py are.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from modelward.core.features import NumberFeature
from modelward.core.study import Study
from modelward.readers.plausible import FEW, Told

Values = NDArray[np.float64]

OFTEN = 5
"""Times that one value stands outside of a range before it is told."""

MANY = 0.05
"""Share of values from which what is odd about them is a warning, and no note."""

GAP = 3.0
"""Factor between two groups of values; conversions between units in use are larger."""

DISTINCT = 10
"""Different values in each group: doses and grades have few."""

LONELY = 5
"""Steps between neighbouring values that lie between 0 and the next one."""


def doubts(raw: dict[str, Values], study: Study, told: set[str]) -> Iterator[Told]:
    """Yield what number features give away.

    Args:
        raw: Feature -> values in the study's unit, before its range.
        study: Whose ranges hold.
        told: Features of which an error is told already.
    """
    for name, values in raw.items():
        feature = study.features.get(name)
        if not isinstance(feature, NumberFeature) or name in told:
            continue
        known = values[~np.isnan(values)]
        yield from _outside(name, feature, known)
        low, high = feature.range
        inside = known[(known >= low) & (known <= high)]
        if feature.unit != "1" and len(inside) >= FEW:
            yield from _zeros(name, feature, inside)
            yield from _two_units(name, feature, inside)


def _outside(name: str, feature: NumberFeature, known: Values) -> Iterator[Told]:
    low, high = feature.range
    outside = known[(known < low) | (known > high)]
    if not len(outside):
        return
    values, counts = np.unique(outside, return_counts=True)
    most, where = int(counts.max()), f"outside of [{low:g}, {high:g}]"
    if most >= max(OFTEN, 0.9 * len(outside)):
        value = f"{values[np.argmax(counts)]:g} {feature.unit}"
        says = f"the same value, {value}, stands {most} times {where}, and is taken as missing"
        remedy = "a sign for 'not known'? list it, as the file has it, under `missing`"
        yield ("warning" if most >= MANY * len(known) else "note", name, says, remedy)
        outside = outside[outside != values[np.argmax(counts)]]
    if len(outside) >= max(OFTEN, MANY * len(known)):
        says = f"{len(outside)} of {len(known)} values lie {where}, and are taken as missing"
        remedy = "another unit in some rows, or signs for 'not known'? correct it, or accept it"
        yield ("warning", name, says, remedy)


def _zeros(name: str, feature: NumberFeature, inside: Values) -> Iterator[Told]:
    zeros = int(np.count_nonzero(inside == 0))
    above = np.unique(inside[inside > 0])
    if zeros < max(OFTEN, MANY * len(inside)) or len(above) < DISTINCT:
        return
    alone = above[0] >= LONELY * np.diff(above).min() and above[0] > 0.3 * np.median(above)
    if alone and not (inside < 0).any():
        says = f"{zeros} of {len(inside)} values are 0, and the next one is {above[0]:g}"
        remedy = f"does 0 {feature.unit} mean 'not known'? list '0' under `missing`"
        yield ("warning", name, says, remedy)


def _two_units(name: str, feature: NumberFeature, inside: Values) -> Iterator[Told]:
    ordered = np.sort(inside[inside > 0])
    if len(ordered) < FEW:
        return
    steps = ordered[1:] / ordered[:-1]
    place = int(np.argmax(steps)) + 1
    parts = ordered[:place], ordered[place:]
    if steps[place - 1] < GAP or any(
        len(each) < MANY * len(ordered) or len(np.unique(each)) < DISTINCT for each in parts
    ):
        return
    lower, upper = (float(np.median(each)) for each in parts)
    says = (
        f"{len(parts[0])} values lie around {lower:.3g} and {len(parts[1])} around "
        f"{upper:.3g} {feature.unit}, with none between"
    )
    yield ("warning", name, says, "two units in one column? convert one at the source")
