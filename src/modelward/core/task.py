"""What a site is asked in one round."""

from dataclasses import dataclass
from typing import Literal

from modelward.core.canonical import canonical_hash

TaskKind = Literal["statistics", "newton", "train", "evaluate"]
"""statistics: sums for scaling; newton: gradient and Hessian at the given model;
train: local training from the given model; evaluate: the given model on validation units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One question to every site of the roster.

    Attributes:
        study: SHA-256 of the study it belongs to.
        round_no: 0 for statistics, else counted from 1.
        kind: What is asked.
        model: SHA-256 of the model bundle it starts from; None where none is needed.
    """

    study: str
    round_no: int
    kind: TaskKind
    model: str | None = None

    @property
    def id(self) -> str:
        """SHA-256 over every field: the same question always has the same id."""
        return canonical_hash(
            {
                "study": self.study,
                "round": self.round_no,
                "kind": self.kind,
                "model": self.model,
            }
        )
