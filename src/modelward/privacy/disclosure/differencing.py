"""Two statistics that can be subtracted: the same cohort, and the same but for a few.

Each alone is about many persons; their difference is about the few who are in one cohort and
not in the other (Denning 1980, "Secure statistical databases with random sample queries",
ACM TODS 5(3), on trackers; Hundepool et al. 2012, section 4.3.3, on differencing). So a
site remembers who was behind every table and exact sum that left, by keyed ids, and refuses
one whose cohort differs from an earlier one's by fewer persons than make a cell.

Asked is about pairs that share a column. Combinations of three and more releases are not
looked at: no bound on what is exact covers them (docs/threat-model.md).
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Told:
    """Who was behind something exact that left.

    Attributes:
        study: SHA-256 of the study.
        about: Names of the columns and outcomes that it told about.
        persons: Keyed ids of the persons counted.
    """

    study: str
    about: frozenset[str]
    persons: frozenset[str]


def few_apart(now: Told, before: Iterable[Told], minimum: int) -> tuple[Told, int] | None:
    """Return an earlier release that `now` could be subtracted from, and who would remain.

    Args:
        now: What would leave.
        before: What has left.
        minimum: Fewest persons that may be told about.

    Returns:
        The one that fewest persons are apart, and their number; None if there is none.
    """
    near = [
        (len(now.persons ^ told.persons), told)
        for told in before
        if now.about & told.about and abs(len(now.persons) - len(told.persons)) < minimum
    ]
    close = [(apart, told) for apart, told in near if 0 < apart < minimum]
    if not close:
        return None
    apart, told = min(close, key=lambda each: (each[0], each[1].study))
    return told, apart
