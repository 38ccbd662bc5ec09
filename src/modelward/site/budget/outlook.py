"""Whether a private study would fit a site's budget, said before anybody approves it.

Who will be in its cohort is not known then, so it is asked for everybody the ledger knows: if
it fits whoever is in the most studies, it fits all. Nothing is reserved; the answer may be
another one when the study begins, because others may have begun before it.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from modelward.core.canonical import Json
from modelward.core.study import Study
from modelward.errors import BudgetExceeded
from modelward.gate.policy import Policy
from modelward.privacy.book import read
from modelward.privacy.budget import Proposal, reserve
from modelward.privacy.plan import Group, plan_of
from modelward.site.budget.charged import read_members

NEWCOMER = "a patient who is in no study yet"
"""Stands for whoever has not been looked at; ids are hexadecimal, so it is nobody's."""


def outlook(
    entries: Iterable[Mapping[str, Json]], folder: Path, study: Study, policy: Policy
) -> str:
    """Return in a sentence whether `study` would fit; "" where it asks for no bound.

    Args:
        entries: Of the site's ledger, oldest first.
        folder: The site's folder, where the keyed ids of cohorts are.
        study: As it was proposed.
        policy: The site's ceilings.

    Raises:
        LedgerBroken: If what was spent cannot be counted, or a cohort's ids are lost.
        BadPrivacyTerms: If no noise brings its steps within its epsilon.
    """
    if study.privacy.dp is None:
        return ""
    book, plan = read(entries), plan_of(study)
    if any(booking.study == study.sha256 for booking in book.bookings):
        return "Budget: it is reserved here already; see modelward site budget."
    members = read_members(folder, {each.cohort for each in book.bookings})
    everybody = {NEWCOMER, *(patient for each in members.values() for patient in each)}
    groups: tuple[Group, ...] = ("train", "validation")
    for group in groups:
        events = plan.whole(group)
        if not events:
            continue
        proposal = Proposal(f"{study.sha256}/{group}", study.sha256, everybody, events)
        try:
            reserve(book, members, proposal, policy.ceilings)
        except BudgetExceeded as error:
            return (
                "Budget: it would be refused for a patient who is in every study so far: "
                f"{error.what}; {error.remedy}."
            )
    return "Budget: it fits every patient here, also who is in every study so far."
