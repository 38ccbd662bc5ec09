"""What is predicted: the target of a study, by its kind; features.py has what it is told from.

As a feature does, a target says what it means and which value counts where there are several.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from modelward.core import units
from modelward.core.cohort import Codes, Window
from modelward.core.terms import Count, Finite, Part, Positive, Unit


class Target(Part):
    """`[target.NAME]`: a yes/no outcome."""

    type: Literal["boolean"] = Field(default="boolean", description="The usual kind.")
    above: Finite | None = Field(
        default=None, description="Yes when the number is greater than this; else 0/1 data."
    )
    unit: Unit | None = Field(
        default=None, description="UCUM unit of `above`; needed where values come with units."
    )
    code: Codes = Field(default=(), description="Such as 'ICD-10:I50'; any of them.")
    window: Window | None = Field(
        default=None, description="Days [first, last] from the index; any time if absent."
    )
    pick: Literal["any", "first", "last", "min", "max"] | None = Field(
        default=None,
        description="`any`: yes if there is such an event (one above `above`); any if absent.",
    )

    @property
    def picked(self) -> Literal["any", "first", "last", "min", "max"]:
        """Which value counts."""
        return self.pick or "any"


class CategoryTarget(Part):
    """`[target.NAME]` with several classes, or grades in rising order.

    Figures for yes and no (AUC, calibration, the verdict) are about the levels of `yes`.
    """

    type: Literal["category"]
    levels: tuple[str, ...] = Field(
        min_length=2, max_length=64, description="Every class; grades from the lowest."
    )
    yes: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="Levels that count as a yes; every one but the first if absent.",
    )
    code: Codes = Field(default=(), description="Such as 'LOINC:72166-2'; any of them.")
    window: Window | None = Field(
        default=None, description="Days [first, last] from the index; any time if absent."
    )
    pick: Literal["first", "last"] | None = Field(
        default=None, description="Which value; last if absent."
    )

    @model_validator(mode="after")
    def _levels_differ(self) -> Self:
        if len(set(self.levels)) != len(self.levels):
            raise ValueError("levels must differ from each other")
        strange = [level for level in self.yes or () if level not in self.levels]
        if strange:
            raise ValueError(f"yes names {strange[0]!r}, which is not a level")
        if self.yes is not None and len(set(self.yes)) == len(self.levels):
            raise ValueError("yes names every level, and there must be a no")
        return self

    @property
    def picked(self) -> Literal["first", "last"]:
        """Which value counts."""
        return self.pick or "last"

    @property
    def counts_as_yes(self) -> tuple[int, ...]:
        """Numbers of the levels that count as a yes, from 0, rising."""
        yes = self.levels[1:] if self.yes is None else self.yes
        return tuple(number for number, level in enumerate(self.levels) if level in yes)


class MaskTarget(Part):
    """`[target.NAME]` that is drawn in the image: a mask of its extents.

    Figures for yes and no are about whether anything is drawn at all.
    """

    type: Literal["mask"]
    code: Codes = Field(default=(), description="Such as 'SNOMED:108369006'.")


class NumberTarget(Part):
    """`[target.NAME]` that is measured or counted: linear and Poisson regression."""

    type: Literal["number"]
    unit: Unit = Field(description="UCUM code, such as 'mg/dL'.")
    range: tuple[Finite, Finite] = Field(description="Plausible [low, high].")
    code: Codes = Field(default=(), description="Such as 'LOINC:2160-0'; any of them.")
    window: Window | None = Field(
        default=None, description="Days [first, last] from the index; any time if absent."
    )
    pick: Literal["first", "last", "min", "max", "mean", "count"] | None = Field(
        default=None, description="Which value, where there are several; last if absent."
    )

    @property
    def picked(self) -> Literal["first", "last", "min", "max", "mean", "count"]:
        """Which value counts."""
        return self.pick or "last"


class TimeToEventTarget(Part):
    """`[target.NAME]` that happens after some time, or has not by the end of follow-up.

    A table has two columns for it, NAME with yes and no and NAME_time with the time; a store
    of events is searched for the event after the index, and for when a patient was last seen.
    """

    type: Literal["time-to-event"]
    code: Codes = Field(default=(), description="The event, such as 'Patient:death'.")
    horizon: Count = Field(description="Days from the index after which nobody is followed.")
    unit: Unit | None = Field(
        default=None, description="UCUM unit of the times in tables; days ('d') if absent."
    )
    followed: Codes | None = Field(
        default=None,
        description="Events by which a patient was still seen; all of the study if absent.",
    )
    intervals: tuple[Positive, ...] | None = Field(
        default=None,
        min_length=2,
        max_length=512,
        description="For networks: last days of the intervals, rising to the horizon.",
    )

    @model_validator(mode="after")
    def _intervals_rise_to_the_horizon(self) -> Self:
        ends = self.intervals
        if ends and (list(ends) != sorted(set(ends)) or ends[-1] != self.horizon):
            raise ValueError(
                f"intervals must rise, and the last must be the horizon, {self.horizon}"
            )
        return self

    @model_validator(mode="after")
    def _time_is_a_time(self) -> Self:
        if dict(units.parse(self.unit or "d").dimension) != {"s": 1}:
            raise ValueError(f"unit must be one of time, found {self.unit!r}")
        return self

    @property
    def days(self) -> float:
        """Return how many days one unit of the times is."""
        return units.line(self.unit or "d", "d")[0]


def time_of(target: str) -> str:
    """Return the name of the time that belongs to a time-to-event target."""
    return f"{target}_time"


def _kind(given: Any) -> str:  # noqa: ANN401 - whatever the file holds
    if isinstance(given, dict):
        kind = given.get("type", "boolean")
    else:  # a target that was read before, or something that is none
        kind = getattr(given, "type", "boolean")
    return kind if isinstance(kind, str) else "boolean"


Outcome = Annotated[
    Annotated[Target, Tag("boolean")]
    | Annotated[CategoryTarget, Tag("category")]
    | Annotated[MaskTarget, Tag("mask")]
    | Annotated[NumberTarget, Tag("number")]
    | Annotated[TimeToEventTarget, Tag("time-to-event")],
    Discriminator(_kind),
]
"""What is predicted; boolean where the file gives no type."""
