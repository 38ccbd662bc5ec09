"""Which round's model is kept, by figures on validation units.

The watched figure decides. It cannot always: an AUC has no value on units of one outcome, and
where gates group the counts of a few units (gate/cells.py) it may be the same after every
round. Rounds that it does not tell apart are told apart by the log loss, which has a value
wherever anybody was counted and moves with the scores within a group. While that tells nothing
either the last round is kept, as in a study that watches nothing.

Rounds are not always judged by the same hospitals: one may be silent. A log loss then moves
with the share of outcomes among those counted, so what is compared is how far it lies below
that of a constant, this share (`binned.GAIN`). Where the same units are counted every time,
that orders rounds as the log loss does.

    the watched figure -> the log loss -> the earliest; of rounds alike from the start the last

The same for the rounds of a federation and for the passes of a site alone. Where the watched
figure told no two rounds apart, what decided in its place is said (`said`); reports repeat it.
"""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from math import inf, isnan

from modelward.evaluate.measures.binned import GAIN

LOSS = "loss"
"""Name of the log loss among a round's figures; lower is better."""

NAMES = {"auc": "AUC", "accuracy": "accuracy", LOSS: "log loss"}

Figures = Mapping[str, float]
"""Of one round: by name, NaN where one has no value."""


def kept_round(metric: str, rounds: Sequence[Figures]) -> int:
    """Return the round that is kept, counted from 1; 0 before the first.

    With one more round it is the same or the new one, so no other model has to be at hand.

    Args:
        metric: What is watched: `auc`, `accuracy` or `loss`.
        rounds: Figures of every round so far.
    """
    ranks = _ranks(metric, rounds)
    alike = sum(1 for _ in takewhile(lambda rank: rank == ranks[0], ranks))
    if not ranks or max(ranks) == ranks[0]:
        return alike
    return ranks.index(max(ranks)) + 1


def said(metric: str, rounds: Sequence[Figures]) -> str:
    """Return what decided in the place of the watched figure, in a clause; "" where that did.

    Args:
        metric: What is watched.
        rounds: Figures of every round.
    """
    ranks = _ranks(metric, rounds)
    if len(rounds) < 2 or len({watched for watched, _ in ranks}) > 1:  # noqa: PLR2004
        return ""
    if len(set(ranks)) > 1:
        blind = "had no value" if isnan(rounds[0][metric]) else "was the same"
        return f"by the log loss, as the {NAMES[metric]} {blind} after every round"
    if isnan(rounds[0][LOSS]):
        return "as the last, as no validation units were told after any round"
    return "as the last, as validation figures were the same after every round"


def _ranks(metric: str, rounds: Sequence[Figures]) -> list[tuple[float, float]]:
    """Return what rounds are ordered by, the best last."""
    known = all(GAIN in each for each in rounds)  # not where a study began before there was one
    gains = [each[GAIN] if known else -each[LOSS] for each in rounds]
    watched = gains if metric == LOSS else [each[metric] for each in rounds]
    return [(_known(one), _known(other)) for one, other in zip(watched, gains, strict=True)]


def _known(value: float) -> float:
    """Return a figure, below every other where it has no value."""
    return -inf if isnan(value) else value
