"""Coded events in time as one array, and the feature that asks for them.

    packed    float32 [patients, steps, 3]: which item (0 where padded), days before the
              index, value
    unpacked  codes int64, times and values float32, mask bool, each [patients, steps]

Steps run from the oldest to the latest event and are padded at the end, so the first
`mask.sum(axis=1)` steps of a row are real. Items are numbered from 1 in the order of their
names, so whoever holds the study numbers them alike. Packed is how readers, snapshot, gate and
learning carry sequences; recipes unpack. How they are read is readers/events/sequences.py's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from modelward.core.cohort import Codes, Window
from modelward.core.terms import Count, Finite, Name, Part, Positive, Unit

Packed = NDArray[np.float32]
"""Sequences as they are carried, [patients, steps, 3]."""

CHANNELS = 3
"""Item, days before the index, value."""

MOST_STEPS = 4096
MOST_ITEMS = 4096


class SequenceItem(Part):
    """`[features.NAME.items.ITEM]`: one kind of event in a sequence, measured or present."""

    code: Codes = Field(min_length=1, description="Such as 'LOINC:2160-0'; any of them.")
    unit: Unit | None = Field(
        default=None, description="UCUM code of its values; the event itself counts if absent."
    )
    range: tuple[Finite, Finite] | None = Field(
        default=None, description="Plausible [low, high]; events outside are left out."
    )
    molar_mass: Positive | None = Field(
        default=None, description="g/mol, for sites that measure mass where others count moles."
    )
    resolution: Positive | None = Field(
        default=None, description="Values are rounded to multiples of it after conversion."
    )

    @model_validator(mode="after")
    def _range_needs_a_unit(self) -> Self:
        if (self.range is None) != (self.unit is None):
            raise ValueError("range and unit go together")
        if self.range is not None and self.range[0] >= self.range[1]:
            raise ValueError(f"range must rise, found [{self.range[0]:g}, {self.range[1]:g}]")
        if self.unit is None and (self.molar_mass or self.resolution):
            raise ValueError("molar_mass and resolution are of values, and unit is missing")
        if any(each.startswith("Patient:") for each in self.code):
            raise ValueError("what a source knows of the person is no event with a time")
        return self


class SequenceFeature(Part):
    """Events of a patient in their order: which, when, and with what value."""

    type: Literal["sequence"]
    steps: Count = Field(le=MOST_STEPS, description="Latest events that are kept.")
    window: Window = Field(description="Days [first, last] from the index.")
    items: dict[Name, SequenceItem] = Field(
        min_length=1, max_length=MOST_ITEMS, description="See `[features.NAME.items.ITEM]`."
    )
    max_missing: float = Field(
        default=0.25, ge=0, le=1, description="Highest share of patients without any event."
    )

    @property
    def code(self) -> Codes:
        """Every code of every item."""
        return tuple(dict.fromkeys(code for item in self.items.values() for code in item.code))

    @property
    def places(self) -> tuple[tuple[str, SequenceItem], ...]:
        """Name and definition of items 1, 2, 3 and so on."""
        return tuple(sorted(self.items.items()))


@dataclass(frozen=True, slots=True)
class Item:
    """What a recipe knows of one item.

    Attributes:
        name: As the study calls it.
        low: Smallest value, in the item's unit; -1 where there are no values.
        high: Largest value; 1 where there are none.
    """

    name: str
    low: float
    high: float


def items_of(feature: SequenceFeature) -> tuple[Item, ...]:
    """Return items 1, 2, 3 and so on of a sequence."""
    return tuple(Item(name, *(each.range or (-1.0, 1.0))) for name, each in feature.places)


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """Sequences of n patients; each array is [n, steps].

    Attributes:
        codes: int64, number of the item from 1; 0 where padded.
        times: float32, days before the index: 0 on its day, negative after it.
        values: float32, in the item's unit; 0 for items without values and where padded.
        mask: bool, where there is an event.
    """

    codes: NDArray[np.int64]
    times: NDArray[np.float32]
    values: NDArray[np.float32]
    mask: NDArray[np.bool_]

    def scaled(self, items: Sequence[Item]) -> NDArray[np.float32]:
        """Return values with the range of their item as -1 to 1; 0 where there is none."""
        low = np.array([-1.0, *(item.low for item in items)])
        high = np.array([1.0, *(item.high for item in items)])
        middle, half = ((low + high) / 2)[self.codes], ((high - low) / 2)[self.codes]
        return np.asarray((self.values - middle) / half, np.float32)


def packed(codes: NDArray[Any], times: NDArray[Any], values: NDArray[Any]) -> Packed:
    """Return sequences as one array; what is padded is 0 in all channels.

    Args:
        codes: Number of the item from 1; 0 where padded.
        times: Days before the index.
        values: In the item's unit.
    """
    whole = np.stack([codes, times, values], axis=-1).astype(np.float32)
    whole[np.asarray(codes) == 0] = 0.0
    return whole


def unpacked(x: Packed) -> Sequences:
    """Return the parts of `x`, [n, steps, 3]."""
    codes = x[..., 0].astype(np.int64)
    return Sequences(codes, x[..., 1], x[..., 2], codes > 0)
