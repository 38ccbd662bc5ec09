"""What a site's trainer would like to release, what a rule about it is, and how rules combine.

A rule looks at an offer and returns the findings that speak against it; an empty tuple
means "no objection". Rules never change the offer and never raise: a refusal is an answer,
recorded in the ledger, not a crash.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from modelward.core.artifact import CardKind
from modelward.core.task import Cause, Task
from modelward.core.tensors import Schema
from modelward.core.verdict import Finding
from modelward.gate.leaks import Look

UNBOUNDED: Mapping[str, str | int | float] = {"mechanism": "none"}
"""The privacy event of an offer without a bound."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Offer:
    """What a site's trainer would like to release.

    Attributes:
        task: The question it answers, or the publication that it is.
        kind: What it claims to be.
        tensors: Its values. Nothing else of what the trainer wrote exists for the gate.
        patients: Units that contributed.
        schema: What the study asks for in answer to this task.
        sent_bytes: Bytes already released for this study.
        today_bytes: Bytes already released today (UTC), for all studies.
        privacy: Its privacy event, as the card carries it.
        look: The inspector's look at it; None where nobody has the data to look with.
        cut: Values that a code behind masks cut to its range, whose number leaves with the
            masked words; None where nothing is coded.
    """

    task: Cause
    kind: CardKind
    tensors: Mapping[str, NDArray[Any]]
    patients: int
    schema: Schema
    sent_bytes: int = 0
    today_bytes: int = 0
    privacy: Mapping[str, str | int | float] = field(default_factory=lambda: dict(UNBOUNDED))
    look: Look | None = None
    cut: int | None = None

    @property
    def asked(self) -> Task:
        """The question it answers; a publication answers none and is never masked."""
        if isinstance(self.task, Task):
            return self.task
        raise AssertionError("only answers to a question are summed")


Rule = Callable[[Offer], tuple[Finding, ...]]


def all_of(*rules: Rule) -> Rule:
    """Return a rule that reports every objection of every rule, in the order given."""
    return lambda offer: tuple(finding for rule in rules for finding in rule(offer))
