"""What tables of a study file are made of: strict models, names, bounded numbers and units."""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from modelward.core import units

NAME = r"^[a-z][a-z0-9_-]{0,62}$"

Name = Annotated[str, Field(pattern=NAME)]
"""Lower-case ASCII name of a study, feature or site: starts with a letter, at most 63 long."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=2**31 - 1)]


def _is_ucum(code: str) -> str:
    units.parse(code)
    return code


Unit = Annotated[str, Field(min_length=1), AfterValidator(_is_ucum)]
"""A UCUM code that core/units.py can convert."""


class Part(BaseModel):
    """A table of the study file: frozen, strict, no unknown keys, and none where absent."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    @model_serializer(mode="wrap")
    def _without_absent_keys(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in dump(self).items() if value is not None}
