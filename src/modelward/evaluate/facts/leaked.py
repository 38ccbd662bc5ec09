"""What an audit of one site's training showed, as a report's tables have it.

The attacks are privacy/leakage's (one_run.py, references.py); whoever ran them fills this in
(simulation/leakage_card.py). It holds counts and bounds, no rows.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Guessed:
    """One attacker's guesses of the coins by which invented units joined the training.

    Attributes:
        seen: What the attacker saw, in words.
        guesses: Coins that were guessed.
        right: Guesses that were right.
        low: Epsilon is at least this.
        most: Largest `low` that so many guesses could have shown.
        confidence: Of `low`.
    """

    seen: str
    guesses: int
    right: int
    low: float
    most: float
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How well trained units were told from held-out ones.

    Attributes:
        group: Which of them, in words.
        members: Units that were trained on.
        others: Held-out units.
        auc: Probability that a trained unit looks more like one than a held-out unit.
        low: Lower end of its 95 % interval.
        high: Upper end.
        found: Share of members found at 1 % false positives.
        found_low: Lower bound of that share, 95 %.
        by_lot: Probability to find as many if nothing were told.
    """

    group: str
    members: int
    others: int
    auc: float
    low: float
    high: float
    found: float
    found_low: float
    by_lot: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaked:
    """The leakage card.

    Attributes:
        site: Whose training was audited.
        claimed: Epsilon that the study claims; None where it claims none.
        words: What was done and what it means, in sentences; no counts of patients.
        guessed: By attacker.
        told: Over all units first, then by outcome; empty where too few were held out.
    """

    site: str
    claimed: float | None
    words: tuple[str, ...]
    guessed: tuple[Guessed, ...]
    told: tuple[Told, ...] = ()


def hide_few_told(found: Leaked | None, min_cell: int) -> Leaked | None:
    """Return the card without counts below `min_cell`, nor those that give them back."""
    if found is None:
        return None
    few = [min(one.members, one.others) < min_cell for one in found.told]
    if not any(few):
        return found
    whole = found.told[:1] if not few[0] else ()
    return replace(found, told=whole)
