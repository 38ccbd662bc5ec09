"""What the institutions agreed to answer: labels, inputs, and the set that all of them have.

The hash of a question is what every letter and card names: two institutions that name the
same hash mean the same classes in the same order on the same kind of input. The shared set is
without labels, public or synthetic; predictions are about it, row by row.
"""

from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from modelward.core.canonical import canonical_bytes, canonical_hash, parse_strict
from modelward.core.terms import Count, Name, Part
from modelward.errors import BadArtifact
from modelward.exchange.documents.card import Hash, Word
from modelward.exchange.families.family import Shape


class Question(Part):
    """A whole question."""

    format: Literal["modelward-question/1"] = "modelward-question/1"
    id: Name
    purpose: Word = Field(description="For what; terms of use are held against it.")
    labels: tuple[Word, ...] = Field(min_length=2, description="Classes, in order.")
    inputs: tuple[Count, ...] = Field(min_length=1, max_length=3)
    shared: Hash | None = Field(default=None, description="Bundle of the shared set, `x`.")
    shared_units: int = Field(default=0, ge=0, description="Rows of the shared set.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("a label comes twice")
        return self

    @property
    def sha256(self) -> str:
        """Hash of every term."""
        return canonical_hash(self.model_dump(mode="json"))

    @property
    def shape(self) -> Shape:
        """What one example looks like."""
        return Shape(self.inputs, len(self.labels))


def from_json(raw: bytes) -> Question:
    """Return the question in a file.

    Raises:
        BadArtifact: If it is not one.
    """
    try:
        table = parse_strict(raw, what="question")
        return Question.model_validate_json(canonical_bytes(table), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadArtifact(
            f"not a question: {'.'.join(map(str, first['loc']))}: {first['msg']}"[:200],
            why="institutions that mean different classes would pool different answers",
            remedy="take the file from whoever wrote the question, unchanged",
        ) from error
