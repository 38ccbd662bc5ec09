"""What is measured: the features of a study.

A feature says what it means (codes, unit, range) and how one value is chosen where a record
holds many (window, pick). Where a site's table has one row per patient, the row is that
value and window and pick are the site's to have applied (docs/formats/dataset.md).
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from modelward.core.cohort import Codes, Window
from modelward.core.sequences import SequenceFeature
from modelward.core.terms import Count, Finite, Part, Positive, Unit


class NumberFeature(Part):
    """A measured quantity."""

    type: Literal["number"]
    unit: Unit = Field(description="UCUM code, such as 'mg/dL'; '1' for a ratio.")
    range: tuple[Finite, Finite] = Field(
        description="Plausible [low, high]; values outside count as missing."
    )
    code: Codes = Field(default=(), description="Such as 'LOINC:2160-0'; any of them.")
    window: Window | None = Field(
        default=None, description="Days [first, last] from the index; any time if absent."
    )
    pick: Literal["first", "last", "min", "max", "mean", "count"] | None = Field(
        default=None, description="Which value, where there are several; last if absent."
    )
    molar_mass: Positive | None = Field(
        default=None, description="g/mol, for sites that measure mass where others count moles."
    )
    resolution: Positive | None = Field(
        default=None, description="Values are rounded to multiples of it after conversion."
    )
    max_missing: float = Field(default=0.25, ge=0, le=1, description="Highest missing share.")
    scale: Literal["standard", "none"] = Field(
        default="standard", description="z-scores from federated statistics, or as it is."
    )

    @model_validator(mode="after")
    def _range_is_a_range(self) -> Self:
        if self.range[0] >= self.range[1]:
            raise ValueError(f"range must rise, found [{self.range[0]:g}, {self.range[1]:g}]")
        return self

    @property
    def picked(self) -> Literal["first", "last", "min", "max", "mean", "count"]:
        """Which value counts."""
        return self.pick or "last"


class BooleanFeature(Part):
    """Present or absent; 0/1, true/false or yes/no in the data."""

    type: Literal["boolean"]
    code: Codes = Field(default=(), description="Such as 'ICD-10:E11'; any of them.")
    window: Window | None = Field(
        default=None, description="Days [first, last] from the index; any time if absent."
    )
    pick: Literal["any", "first", "last"] | None = Field(
        default=None,
        description="Yes if there is such an event, or the first or last value; any if absent.",
    )
    max_missing: float = Field(default=0.25, ge=0, le=1, description="Highest missing share.")
    scale: Literal["standard", "none"] = Field(
        default="standard", description="z-scores from federated statistics, or as it is."
    )

    @property
    def picked(self) -> Literal["any", "first", "last"]:
        """Which value counts."""
        return self.pick or "any"


class CategoryFeature(Part):
    """One of a few named levels; the first is the reference."""

    type: Literal["category"]
    levels: tuple[str, ...] = Field(
        min_length=2, max_length=64, description="Every value that may occur, as text."
    )
    code: Codes = Field(default=(), description="Such as 'LOINC:72166-2'; any of them.")
    answers: dict[str, Codes] | None = Field(
        default=None, description="Level -> codes that mean it, such as SNOMED."
    )
    window: Window | None = Field(
        default=None, description="Days [first, last] from the index; any time if absent."
    )
    pick: Literal["first", "last"] | None = Field(
        default=None, description="Which value, where there are several; last if absent."
    )
    max_missing: float = Field(default=0.25, ge=0, le=1, description="Highest missing share.")
    scale: Literal["standard", "none"] = Field(
        default="standard", description="z-scores from federated statistics, or as it is."
    )

    @model_validator(mode="after")
    def _levels_differ(self) -> Self:
        if len(set(self.levels)) != len(self.levels):
            raise ValueError("levels must differ from each other")
        strange = [level for level in self.answers or () if level not in self.levels]
        if strange:
            raise ValueError(f"answers names {strange[0]!r}, which is not a level")
        return self

    @property
    def picked(self) -> Literal["first", "last"]:
        """Which value counts."""
        return self.pick or "last"


class ImageFeature(Part):
    """A grey image or volume; pixels are whole numbers from 0 to 255 once it is read."""

    type: Literal["image"]
    modality: str = Field(default="", description="DICOM modality, such as 'CR'.")
    size: tuple[Count, Count] = Field(description="[height, width] in pixels.")
    intensity: tuple[Finite, Finite] = Field(
        default=(0.0, 255.0), description="Pixel values that become -1 and +1."
    )
    view: str | None = Field(
        default=None, min_length=1, description="Such as 'PA', or axial, coronal, sagittal."
    )
    grey: tuple[Finite, Finite] | None = Field(
        default=None, description="Measured values (CT: HU) that become black and white."
    )
    depth: Count | None = Field(
        default=None, description="Slices of a volume; a flat image if absent."
    )
    pick: Literal["first", "middle", "last"] | None = Field(
        default=None,
        description="Which frame of a series; every one, or the middle, if absent.",
    )

    @model_validator(mode="after")
    def _grey_rises(self) -> Self:
        if self.grey is not None and self.grey[0] >= self.grey[1]:
            raise ValueError(f"grey must rise, found [{self.grey[0]:g}, {self.grey[1]:g}]")
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents of one tensor: [height, width], or [depth, height, width]."""
        return self.size if self.depth is None else (self.depth, *self.size)


Feature = Annotated[
    NumberFeature | BooleanFeature | CategoryFeature | ImageFeature | SequenceFeature,
    Field(discriminator="type"),
]
