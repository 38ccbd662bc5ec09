"""A site's budget as a statement: what was spent, is reserved and is left, by study.

Read from the ledger and the keyed ids of cohorts alone, without the ledger's lock, so it can
be asked for while the site runs. Figures are of the most used patient, as budget.py counts.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from modelward.core.canonical import Json
from modelward.gate.policy import Policy
from modelward.privacy.accounting import Event, epsilon, epsilon_rdp
from modelward.privacy.book import Book, read
from modelward.privacy.budget import Standing, standing
from modelward.site.charged import read_members

ACCOUNTANT = "privacy loss distributions (dp-accounting), Renyi moments beside them"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One study.

    Attributes:
        study: Its SHA-256.
        patients: Patients in its reservations.
        events: What was booked so far, steps of equal noise together.
        standing: Of the study's most used patient, against the ceiling of a study.
        renyi: What was booked of the most used group, by Renyi moments: looser, independent.
        unbounded: Kind of artifact -> releases without a bound, which are never added.
    """

    study: str
    patients: int
    events: tuple[Event, ...]
    standing: Standing
    renyi: float
    unbounded: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Everything.

    Attributes:
        accounts: One per study, in the ledger's order.
        whole: Of the most used patient over all studies, against the lifetime ceiling.
        ceiling_study: The site's policy.
        ceiling_lifetime: The site's policy.
        delta: At which all is counted.
        missing: Epsilon that is taken as spent of everybody, for entries that were lost; it
            is in `whole`.
    """

    accounts: tuple[Account, ...]
    whole: Standing
    ceiling_study: float
    ceiling_lifetime: float
    delta: float
    missing: float

    def to_json(self) -> dict[str, Json]:
        """Return the statement as JSON."""
        return {
            "delta": self.delta,
            "ceilings": {"study": self.ceiling_study, "lifetime": self.ceiling_lifetime},
            "lifetime": _figures(self.whole),
            "missing": self.missing,
            "studies": [
                {
                    "study": each.study,
                    "patients": each.patients,
                    "unbounded": dict(each.unbounded),
                    "renyi": each.renyi,
                    "events": [[e.sampling, e.noise, e.steps] for e in each.events],
                    **_figures(each.standing),
                }
                for each in self.accounts
            ],
        }


def statement(entries: Iterable[Mapping[str, Json]], folder: Path, policy: Policy) -> Statement:
    """Return the statement over a ledger's entries.

    Args:
        entries: Oldest first.
        folder: The site's folder, where the keyed ids of cohorts are.
        policy: Its ceilings.

    Raises:
        LedgerBroken: If what was spent cannot be counted, or a cohort's ids are lost.
    """
    book = read(entries)
    members = read_members(folder, {each.cohort for each in book.bookings})
    named = dict.fromkeys(
        [*(each.study for each in book.bookings), *(each.study for each in book.unbounded)]
    )
    return Statement(
        accounts=tuple(_account(book, study, members, policy) for study in named),
        whole=standing(book, members, policy.epsilon_lifetime, policy.delta),
        ceiling_study=policy.epsilon_study,
        ceiling_lifetime=policy.epsilon_lifetime,
        delta=policy.delta,
        missing=book.missing,
    )


def _account(
    book: Book,
    study: str,
    members: Mapping[str, frozenset[str]],
    policy: Policy,
) -> Account:
    own = [each for each in book.bookings if each.study == study]
    used = max(
        (each.used for each in own), key=lambda use: epsilon(use, policy.delta), default=()
    )
    return Account(
        study=study,
        patients=len({patient for each in own for patient in members.get(each.cohort, ())}),
        events=tuple(event for each in own for event in each.used),
        standing=standing(book, members, policy.epsilon_study, policy.delta, study=study),
        renyi=epsilon_rdp(used, policy.delta),
        unbounded=Counter(each.kind for each in book.unbounded if each.study == study),
    )


def _figures(found: Standing) -> dict[str, Json]:
    return {"spent": found.spent, "reserved": found.reserved, "left": found.left}
