"""Who was charged for a study, and from which data its noised statistics are drawn.

The ledger names cohorts by hash; their members are kept here, as keyed ids. An extraction may
come anew while a study runs (an opt-out, a restore): patients may have left by then, and none
may have come. What training draws again in every round, the noised share of positives, has to
be of the same data, or it would be a second look that nobody booked.

    SITE/cohorts/members/COHORT.json   keyed ids of every cohort that the ledger names
    SITE/cohorts/drawn/STUDY           hash of the snapshot that its noised statistics are of
"""

import json
from collections.abc import Collection, Sequence
from pathlib import Path

from modelward import durable
from modelward.core.canonical import canonical_bytes
from modelward.errors import BudgetExceeded, StorageError
from modelward.privacy import budget
from modelward.privacy.book import Booking

GO_ON = "go on with the snapshot that the study began with, or agree on a new study"


def write_members(folder: Path, patients: Sequence[str]) -> None:
    """Keep the keyed ids of a cohort for as long as the ledger names it.

    Raises:
        StorageError: If they cannot be written.
    """
    where = folder / "cohorts" / "members"
    durable.make_folder(where)
    path = where / f"{budget.cohort_hash(patients)}.json"
    if not path.exists():
        durable.write_whole(path, canonical_bytes(sorted(patients)), mode=0o640)


def read_members(folder: Path, cohorts: Collection[str]) -> dict[str, frozenset[str]]:
    """Return the keyed ids of each of `cohorts` that is at hand; budget.py checks them."""
    found: dict[str, frozenset[str]] = {}
    for cohort in cohorts:
        path = folder / "cohorts" / "members" / f"{cohort}.json"
        try:
            found[cohort] = frozenset(json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError):
            continue
    return found


def require_charged(folder: Path, booking: Booking, patients: Sequence[str]) -> None:
    """Return if all `patients` are in the cohort that was reserved; some may have gone.

    Raises:
        BudgetExceeded: If somebody is not, as after an extraction from newer data.
    """
    if budget.cohort_hash(patients) == booking.cohort:
        return
    members = read_members(folder, {booking.cohort}).get(booking.cohort, frozenset())
    new = len(set(patients) - members)
    if new:
        raise BudgetExceeded(
            f"{new} of {len(patients)} patients came since the study was reserved",
            why="whoever is looked at was charged before, with the whole study",
            remedy=GO_ON,
        )


def require_drawn_from(folder: Path, booking: Booking, snapshot: str) -> None:
    """Return if noised statistics are drawn from the data that they were of at first.

    Args:
        folder: The site's folder.
        booking: Of the study's training patients.
        snapshot: SHA-256 of the cohort as it was extracted.

    Raises:
        BudgetExceeded: If the data have changed since something was booked.
        StorageError: If it cannot be remembered, or what was remembered is lost.
    """
    path = folder / "cohorts" / "drawn" / booking.study
    if booking.used and not path.exists():
        raise StorageError(
            f"{path} is missing",
            why="without it nobody can tell whether noised statistics are of the same data",
            remedy="restore the folder cohorts/ from the backup that the ledger came from",
        )
    if not booking.used:
        durable.make_folder(path.parent)
        durable.write_whole(path, snapshot.encode(), mode=0o640)
    elif path.read_text() != snapshot:
        raise BudgetExceeded(
            "the data have changed since the noised statistics of the study were drawn",
            why="of other data they would be a second look, which nobody booked",
            remedy=GO_ON,
        )
