"""Which patients take part: an index event, and criteria around it.

Time is counted in calendar days from the index event, because sources differ in whether
they know the hour. A window [-365, 0] is the year up to and including the day of the index.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from modelward.core.codes import AGE, DEATH, Code
from modelward.core.terms import Count, Finite, Name, Part

Day = Annotated[int, Field(ge=-36525, le=36525)]


def _rises(window: tuple[int, int]) -> tuple[int, int]:
    if window[0] > window[1]:
        raise ValueError(f"a window runs from early to late, found [{window[0]}, {window[1]}]")
    return window


Window = Annotated[tuple[Day, Day], AfterValidator(_rises)]
"""Days [first, last] from the index event, both included; negative is before it."""

Codes = tuple[Code, ...]


class Index(Part):
    """`[cohort.index]`: the event from which windows and ages are counted."""

    code: Codes = Field(min_length=1, description="Such as 'SNOMED:44054006'; any of them.")
    pick: Literal["first", "last"] | None = Field(
        default=None, description="Which one, where a patient has several; first if absent."
    )


class Criterion(Part):
    """`[cohort.all.NAME]`, `any`, `exclude`: something that a patient has or has not."""

    code: Codes = Field(min_length=1, description="Such as 'ICD-10:E11'; any of them counts.")
    window: Window | None = Field(
        default=None, description="Days [first, last] from the index."
    )
    at_least: Count | None = Field(default=None, description="How many events; 1 if absent.")
    range: tuple[Finite, Finite] | None = Field(
        default=None, description="Only events with a value in [low, high] count."
    )
    unit: str | None = Field(default=None, min_length=1, description="UCUM unit of the range.")

    @model_validator(mode="after")
    def _range_needs_a_unit(self) -> Self:
        if (self.range is None) != (self.unit is None):
            raise ValueError("range and unit go together")
        if self.range is not None and self.range[0] > self.range[1]:
            raise ValueError(f"range must rise, found [{self.range[0]:g}, {self.range[1]:g}]")
        return self

    @property
    def anchored(self) -> bool:
        """Whether it can be judged only from an index event."""
        return self.window is not None or AGE in self.code


class Cohort(Part):
    """`[cohort]`: which units take part."""

    complete: bool = Field(
        default=False, description="Keep only units whose every feature is known."
    )
    index: Index | None = Field(default=None, description="See `[cohort.index]`.")
    all: dict[Name, Criterion] | None = Field(
        default=None, description="Every one must hold. See `[cohort.all.NAME]`."
    )
    any: dict[Name, Criterion] | None = Field(
        default=None, description="At least one must hold, if there are any."
    )
    exclude: dict[Name, Criterion] | None = Field(default=None, description="None may hold.")

    @property
    def criteria(self) -> dict[str, Criterion]:
        """Every criterion by name; names differ over the three tables (study/read.py)."""
        return {**self.required, **self.alternatives, **self.excluded}

    @property
    def required(self) -> dict[str, Criterion]:
        """Criteria that must all hold."""
        return self.all or {}

    @property
    def alternatives(self) -> dict[str, Criterion]:
        """Criteria of which one must hold, if there are any."""
        return self.any or {}

    @property
    def excluded(self) -> dict[str, Criterion]:
        """Criteria of which none may hold."""
        return self.exclude or {}


def needs_index(code: Codes, window: tuple[int, int] | None) -> bool:
    """Return whether a feature or target means nothing without an index event."""
    return window is not None or AGE in code


def is_personal(code: Codes) -> bool:
    """Return whether the codes ask for what a source knows of the person, not for events."""
    return any(each.startswith("Patient:") and each != DEATH for each in code)
