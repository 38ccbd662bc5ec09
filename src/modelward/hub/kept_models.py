"""Which stored models and memories no study goes on from. Pure.

What a study keeps: its start, its best round, its last round and the memory of that, and every
model that a site still works on. The rounds looked at reach two back, and further where sites
answer at their own pace, so that a crash between a commit and a deletion leaves little behind.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from modelward.hub.round import RoundRecord


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of one committed round.

    Attributes:
        study: SHA-256 of its study.
        round_no: The round.
        model: SHA-256 of the model after it.
        optimiser: SHA-256 of the server optimiser's memory, if it has one.
        best: Round whose model was the best then.
        record: What is remembered of it.
    """

    study: str
    round_no: int
    model: str
    optimiser: str | None
    best: int
    record: RoundRecord


def superseded(stored: Sequence[Stored], study: str) -> set[str]:
    """Return the bundles of `study` that can go, by hash; starts of studies may be among them.

    Args:
        stored: Every committed round of every study.
        study: SHA-256 of the one that has just committed a round.
    """
    models = {(each.study, each.round_no): each.model for each in stored}
    last = {each.study: each for each in sorted(stored, key=lambda each: each.round_no)}
    needed: set[str | None] = {None}
    for each in last.values():
        needed |= {each.model, each.optimiser, models[each.study, each.best]}
        needed |= {
            models.get((each.study, asked - 1)) for asked in each.record.waiting.values()
        }
    from_round = last[study].round_no - 2
    if any(each.record.waiting for each in stored if each.study == study):
        from_round = 1
    found: set[str | None] = set()
    for each in stored:
        if each.study == study and each.round_no >= from_round:
            found |= {each.model, each.optimiser, models[study, each.best]}
    return {digest for digest in found - needed if digest is not None}
