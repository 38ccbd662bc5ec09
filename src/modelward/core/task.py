"""What a site is asked in one round."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self, get_args

from modelward.core.canonical import canonical_hash

TaskKind = Literal["statistics", "newton", "train", "evaluate", "sums", "report", "readiness"]
"""statistics: sums for scaling; newton: gradient and Hessian at the given model;
train: local training from the given model; evaluate: the given model on validation units;
sums: what a statistical recipe sums at the given state (recipes/analysis.py);
report: the kept model on test units, beside a model of the site's own, once, at the end;
readiness: what a site says of its own accord before a study begins (study/readiness.py)."""

Fold = Literal["train", "validation", "test"]

LOOKS_AT: Mapping[TaskKind, Fold] = {"evaluate": "validation", "report": "test"}
"""Whose units are behind an answer; training units behind every other."""

MaskPhase = Literal["mask-keys", "mask-shares", "masked", "mask-list", "unmask"]
"""What is asked, one after the other, when the answers to one question are summed behind
masks (docs/decisions/0019-one-question-five-exchanges.md)."""

MASK_PHASES: tuple[MaskPhase, ...] = get_args(MaskPhase)
"""The same, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One question to every site of the roster.

    Attributes:
        study: SHA-256 of the study it belongs to.
        round_no: 0 for statistics, else counted from 1.
        kind: What is asked.
        model: SHA-256 of the model bundle it starts from; None where none is needed.
        phase: Exchange of secure aggregation that this is; None for an open answer.
        told: SHA-256 of the bundle with what the hub has heard in the exchanges before; None
            in the first, and for an open answer.
        edge: Of a report: the validation bin from which on a probability counts as a yes, 0
            to the number of bins; None where the study has chosen no threshold.
    """

    study: str
    round_no: int
    kind: TaskKind
    model: str | None = None
    phase: MaskPhase | None = None
    told: str | None = None
    edge: int | None = None

    @property
    def id(self) -> str:
        """SHA-256 over every field: the same question always has the same id.

        Fields that are absent leave no trace (decision 0017).
        """
        masking = {"phase": self.phase, "told": self.told} if self.phase else {}
        chosen = {} if self.edge is None else {"edge": self.edge}
        return canonical_hash(
            {
                "study": self.study,
                "round": self.round_no,
                "kind": self.kind,
                "model": self.model,
                **masking,
                **chosen,
            }
        )

    @property
    def brings(self) -> str | None:
        """SHA-256 of the bundle that travels with it; None if none does.

        An exchange after the first brings what the hub has heard, in place of the model.
        """
        return self.told or self.model

    @property
    def question(self) -> Self:
        """The question itself, without an exchange."""
        return replace(self, phase=None, told=None)

    def exchange(self, phase: MaskPhase, told: str | None) -> Self:
        """Return one exchange about this question."""
        return replace(self, phase=phase, told=told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What a site puts before its gate of its own accord, for the data-model network.

    Nobody asked, so there is no round of a study; everything else of a release is the same.

    Attributes:
        study: SHA-256 of the question that institutions agreed to answer.
        round_no: Version of what is offered; 0 for a report.
        kind: An artifact on offer, or a report on somebody's.
        subject: SHA-256 of what is said beside the bytes, such as the card without its hash.
        model: SHA-256 of the base that it was made from, or None.
    """

    study: str
    round_no: int
    kind: Literal["offer", "report"]
    subject: str
    model: str | None = None

    @property
    def id(self) -> str:
        """SHA-256 over every field: the same publication always has the same id."""
        return canonical_hash(
            {
                "study": self.study,
                "round": self.round_no,
                "kind": self.kind,
                "subject": self.subject,
                "model": self.model,
            }
        )

    @property
    def phase(self) -> None:
        """Nothing of the network is summed behind masks."""
        return


Cause = Task | Publication
"""Why something is put before the gate."""
