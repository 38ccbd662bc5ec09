"""A site's budget as a statement: what was spent, is reserved and is left, by study.

Read from the ledger and the keyed ids of cohorts alone, without the ledger's lock, so it can
be asked for while the site runs. Figures are of the most used patient, as budget.py counts.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modelward.core.canonical import Json
from modelward.gate.policy import Policy
from modelward.privacy.accounting import Event, epsilon, epsilon_rdp
from modelward.privacy.book import Book, read
from modelward.privacy.budget import Standing, standing
from modelward.site.budget.charged import read_members

ACCOUNTANT = "privacy loss distributions (dp-accounting), Renyi moments beside them"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One study.

    Attributes:
        study: Its SHA-256.
        name: As it was proposed; "" where no proposal is at hand.
        patients: Patients in its reservations.
        events: What was booked so far, steps of equal noise together.
        standing: Of the study's most used patient, against the ceiling of a study.
        renyi: What was booked of the most used group, by Renyi moments: looser, independent.
        unbounded: Kind of artifact -> releases without a bound, which are never added.
    """

    study: str
    name: str
    patients: int
    events: tuple[Event, ...]
    standing: Standing
    renyi: float
    unbounded: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TooMuch:
    """A study that was refused because a patient cannot afford it.

    Attributes:
        study: Its SHA-256.
        says: What it would cost, and what is left.
        fits: What would fit.
    """

    study: str
    says: str
    fits: str


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
        refused: Studies that nothing was reserved for, and why.
    """

    accounts: tuple[Account, ...]
    whole: Standing
    ceiling_study: float
    ceiling_lifetime: float
    delta: float
    missing: float
    refused: tuple[TooMuch, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """Return the statement as JSON."""
        return {
            "delta": self.delta,
            "ceilings": {"study": self.ceiling_study, "lifetime": self.ceiling_lifetime},
            "lifetime": _figures(self.whole),
            "missing": self.missing,
            "refused": [asdict(each) for each in self.refused],
            "studies": [
                {
                    "study": each.study,
                    "name": each.name,
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
    listed = list(entries)
    book = read(listed)
    members = read_members(folder, {each.cohort for each in book.bookings})
    named = dict.fromkeys(
        [*(each.study for each in book.bookings), *(each.study for each in book.unbounded)]
    )
    return Statement(
        accounts=tuple(
            _account(book, (study, _name(folder, study)), members, policy) for study in named
        ),
        whole=standing(book, members, policy.epsilon_lifetime, policy.delta),
        ceiling_study=policy.epsilon_study,
        ceiling_lifetime=policy.epsilon_lifetime,
        delta=policy.delta,
        missing=book.missing,
        refused=_refused(listed, {each.study for each in book.bookings}),
    )


def _refused(
    entries: Iterable[Mapping[str, Any]], reserved: Collection[str]
) -> tuple[TooMuch, ...]:
    """Return what was said last of each study that could not be reserved."""
    found = {}
    for entry in entries:
        for each in entry.get("findings") or () if entry.get("kind") == "refusal" else ():
            study = str(entry.get("study", ""))
            if each["rule"] == "budget" and study not in reserved:
                found[study] = TooMuch(study=study, says=each["says"], fits=each["remedy"])
    return tuple(found.values())


def _name(folder: Path, study: str) -> str:
    """Return what a study is called in the site's copy of its proposal."""
    try:
        said = json.loads((folder / "proposals" / f"{study}.json").read_bytes())
        return str(said["terms"]["study"]["id"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _account(
    book: Book,
    called: tuple[str, str],
    members: Mapping[str, frozenset[str]],
    policy: Policy,
) -> Account:
    study, name = called
    own = [each for each in book.bookings if each.study == study]
    used = max(
        (each.used for each in own), key=lambda use: epsilon(use, policy.delta), default=()
    )
    return Account(
        study=study,
        name=name,
        patients=len({patient for each in own for patient in members.get(each.cohort, ())}),
        events=tuple(event for each in own for event in each.used),
        standing=standing(book, members, policy.epsilon_study, policy.delta, study=study),
        renyi=epsilon_rdp(used, policy.delta),
        unbounded=Counter(each.kind for each in book.unbounded if each.study == study),
    )


def _figures(found: Standing) -> dict[str, Json]:
    return {"spent": found.spent, "reserved": found.reserved, "left": found.left}
