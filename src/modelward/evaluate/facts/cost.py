"""What a study cost, beside what pooling the records would have moved.

Bytes are counted where they are known (releases by their cards, models by their bundles).
Time is that of the rounds. Energy is an estimate and says on what it rests: wall time times
the cores that were busy times `WATTS` a core; neither networks nor cooling nor idle machines
are in it. A site's effort is what its machine was asked for: answers, and how often a training
unit was looked at.
"""

from dataclasses import dataclass

WATTS = 15.0
"""Assumed draw of one busy core with its share of memory and board, in watts."""

HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteCost:
    """One site's part.

    Attributes:
        site: Its name.
        sent: Bytes of artifacts that its gate released.
        received: Bytes of models and of what came with them.
        answers: Tasks it answered.
        looked_at: Training units times how often each was looked at for the common model, in
            the rounds that this site trained in; an expectation where units are sampled.
        records: Bytes that its training, validation and test units have as arrays: what
            pooling would have moved.
    """

    site: str
    sent: int
    received: int
    answers: int
    looked_at: int
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the whole study cost.

    Attributes:
        sites: In the order shown.
        seconds: Wall time of the rounds.
        cores: Cores that worked meanwhile, at most.
        watts: Assumed draw of a busy core.
    """

    sites: tuple[SiteCost, ...]
    seconds: float
    cores: int
    watts: float = WATTS

    @property
    def watt_hours(self) -> float:
        """Estimated energy, in watt-hours: an upper bound under the assumed draw."""
        return self.seconds * self.cores * self.watts / HOUR

    @property
    def moved(self) -> int:
        """Bytes that the study moved, both ways."""
        return sum(one.sent + one.received for one in self.sites)

    @property
    def pooling(self) -> int:
        """Bytes that pooling would have moved."""
        return sum(one.records for one in self.sites)
