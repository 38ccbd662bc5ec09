"""A budget that lasts: worked examples, then what no order of studies may break."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelward.core.canonical import Json
from modelward.errors import BadPrivacyTerms, BudgetExceeded, LedgerBroken
from modelward.privacy.accounting import Event, epsilon
from modelward.privacy.book import close_fields, read, use_fields
from modelward.privacy.budget import (
    Ceilings,
    Proposal,
    cohort_hash,
    keyed_id,
    require_reserved,
    reserve,
    standing,
)

DELTA = 1e-5
ONE = Event(sampling=1.0, noise=2.0, steps=1)  # epsilon 2.0 alone, 2.96 twice
CEILINGS = Ceilings(study=3.0, lifetime=4.0, delta=DELTA)


class Site:
    """A ledger and its cohorts, in memory: what a gatekeeper does under the writer's lock."""

    def __init__(self, ceilings: Ceilings = CEILINGS) -> None:
        self.entries: list[dict[str, Json]] = []
        self.cohorts: dict[str, set[str]] = {}
        self.ceilings = ceilings

    @property
    def reserved(self) -> list[dict[str, Json]]:
        """Entries that reserve something."""
        return [entry for entry in self.entries if entry["kind"] == "reservation"]

    def reserve(self, name: str, study: str, patients: str, event: Event = ONE) -> None:
        """Reserve `event` for patients a, b, c ... of the text."""
        proposal = Proposal(name, study, set(patients), (event,))
        entry = reserve(read(self.entries), self.cohorts, proposal, self.ceilings)
        self.cohorts[cohort_hash(patients)] = set(patients)
        self.entries.append({"kind": "reservation", **entry})

    def release(self, name: str, event: Event = ONE) -> None:
        booking = require_reserved(read(self.entries), name, event)
        self.entries.append({"kind": "privacy", **use_fields(booking, event, 1, "task")})

    def close(self, name: str) -> None:
        self.entries.append({"kind": "closure", **close_fields(name, "any")})

    def worst(self) -> float:
        """Return the largest epsilon of any patient, patient by patient."""
        book = read(self.entries)
        patients = set().union(*self.cohorts.values())
        return max(
            epsilon(
                [
                    event
                    for booking in book.bookings
                    if patient in self.cohorts[booking.cohort]
                    for event in booking.charged
                ],
                DELTA,
            )
            for patient in patients
        )


@pytest.mark.slow
def test_prices_of_the_examples():
    assert epsilon([ONE], DELTA) == pytest.approx(1.993, abs=0.01)
    assert epsilon([ONE, ONE], DELTA) == pytest.approx(2.96, abs=0.03)
    assert epsilon([ONE] * 3, DELTA) == pytest.approx(3.75, abs=0.05)
    assert epsilon([ONE] * 4, DELTA) == pytest.approx(4.38, abs=0.05)


@pytest.mark.slow
def test_a_study_that_would_overspend_is_told_what_is_left_and_what_fits():
    site = Site()
    for name in "pqr":
        site.reserve(name, name, "ab")

    with pytest.raises(BudgetExceeded, match="lifetime ceiling is 4") as caught:
        site.reserve("x", "x", "bc")

    assert "is left" in caught.value.what
    assert "with noise" in caught.value.remedy
    assert len(site.entries) == 3


@pytest.mark.slow
def test_a_part_of_the_steps_may_fit():
    site = Site()

    with pytest.raises(BudgetExceeded, match="study ceiling is 3") as caught:
        site.reserve("x", "x", "a", Event(1.0, 2.0, 5))

    assert "2 of the 5 steps" in caught.value.remedy
    site.reserve("x", "x", "a", Event(1.0, 2.0, 2))


@pytest.mark.slow
def test_one_study_cannot_take_what_is_meant_for_a_lifetime():
    site = Site()
    site.reserve("first", "s", "a")
    site.reserve("second", "s", "a")

    with pytest.raises(BudgetExceeded, match="study ceiling"):
        site.reserve("third", "s", "a")

    site.reserve("third", "other", "a")


def test_patients_who_were_never_used_are_not_charged_for_others():
    site = Site()
    for name in "pqr":
        site.reserve(name, name, "ab")

    site.reserve("x", "x", "cd")


@pytest.mark.slow
def test_a_dataset_under_a_new_name_is_the_same_patients():
    site = Site()
    for name in "pqr":
        site.reserve(name, name, "ab")

    with pytest.raises(BudgetExceeded):
        site.reserve("renamed", "new study", "ba")
    with pytest.raises(BudgetExceeded):
        site.reserve("larger", "new study", "abcdefgh")


@pytest.mark.slow
def test_overlapping_cohorts_cost_what_they_cost_the_patient_in_all_of_them():
    site = Site()
    for name, patients in {"p": "ab", "q": "bc", "r": "bd"}.items():
        site.reserve(name, name, patients)

    with pytest.raises(BudgetExceeded):
        site.reserve("x", "x", "b")
    site.reserve("x", "x", "acd")


@pytest.mark.slow
def test_studies_at_the_same_time_cannot_spend_the_same_epsilon():
    site = Site(Ceilings(study=3.0, lifetime=3.0, delta=DELTA))
    site.reserve("p", "p", "a")
    site.reserve("q", "q", "a")  # neither has released anything yet

    with pytest.raises(BudgetExceeded):
        site.reserve("r", "r", "a")


@pytest.mark.slow
def test_what_was_not_released_is_given_back_and_what_was_is_not():
    site = Site(Ceilings(study=3.0, lifetime=3.0, delta=DELTA))
    site.reserve("p", "p", "a")
    site.reserve("q", "q", "a")
    site.release("p")
    site.close("p")
    with pytest.raises(BudgetExceeded):
        site.reserve("r", "r", "a")

    site.close("q")

    site.reserve("r", "r", "a")


def test_nothing_is_released_without_or_beyond_a_reservation():
    site = Site()
    with pytest.raises(BudgetExceeded, match="no reservation 'p' is open"):
        site.release("p")
    site.reserve("p", "p", "a", Event(0.1, 2.0, 10))
    site.release("p", Event(0.1, 2.0, 6))

    with pytest.raises(BudgetExceeded, match="5 steps against 4"):
        site.release("p", Event(0.1, 2.0, 5))
    with pytest.raises(BudgetExceeded, match="1 steps against 0"):
        site.release("p", Event(0.1, 1.9, 1))
    site.release("p", Event(0.1, 2.0, 4))
    site.close("p")
    with pytest.raises(BudgetExceeded, match="no reservation 'p' is open"):
        site.release("p", Event(0.1, 2.0, 1))


def test_the_standing_of_the_most_used_patient():
    site = Site()
    site.reserve("p", "p", "ab")
    site.release("p")
    site.reserve("q", "q", "bc")

    found = standing(read(site.entries), site.cohorts, 4.0, DELTA)
    of_q = standing(read(site.entries), site.cohorts, 3.0, DELTA, study="q")

    assert found.spent == epsilon([ONE], DELTA)
    assert found.spent + found.reserved == pytest.approx(epsilon([ONE, ONE], DELTA))
    assert found.left == pytest.approx(4.0 - epsilon([ONE, ONE], DELTA))
    assert of_q.spent == 0.0
    assert of_q.reserved == epsilon([ONE], DELTA)


def test_a_site_without_bookings_has_everything_left():
    assert standing(read([]), {}, 10.0, DELTA).left == 10.0


def test_a_cohort_whose_members_are_lost_or_altered_stops_everything():
    site = Site()
    site.reserve("p", "p", "ab")
    (name,) = site.cohorts

    for wrong in ({}, {name: {"a"}}):
        with pytest.raises(LedgerBroken, match="not at hand"):
            reserve(read(site.entries), wrong, Proposal("q", "q", {"c"}, (ONE,)), CEILINGS)


@pytest.mark.parametrize(("name", "patients"), [("p", "b"), ("q", "")])
def test_a_taken_name_and_an_empty_cohort_are_refused(name, patients):
    site = Site()
    site.reserve("p", "p", "a")

    with pytest.raises(BadPrivacyTerms):
        site.reserve(name, "s", patients)


def test_ids_are_keyed_and_cohorts_are_sets():
    first, second = bytes(32), bytes(range(32))

    assert keyed_id(first, "MRN-1") == keyed_id(first, "MRN-1")
    assert len({keyed_id(first, "MRN-1"), keyed_id(second, "MRN-1"), keyed_id(first, "2")}) == 3
    assert cohort_hash(["b", "a", "a"]) == cohort_hash(["a", "b"])
    assert cohort_hash(["ab"]) != cohort_hash(["a", "b"])


steps = st.sampled_from([Event(1.0, 3.0, 1), Event(1.0, 4.0, 1)])
acts = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "release", "close"]),
        st.integers(0, 3),
        st.sets(st.sampled_from("abcd"), min_size=1),
        steps,
    ),
    max_size=8,
)


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(acts)
def test_whatever_happens_no_patient_passes_the_ceiling(done):
    site = Site(Ceilings(study=1.5, lifetime=2.0, delta=DELTA))
    for number, (act, which, patients, event) in enumerate(done):
        try:
            if act == "reserve":
                site.reserve(f"r{number}", f"s{which}", "".join(sorted(patients)), event)
            elif act == "release":
                site.release(f"r{which}", event)
            elif any(entry["reservation"] == f"r{which}" for entry in site.reserved):
                site.close(f"r{which}")
        except BudgetExceeded:
            continue

    if site.cohorts:
        assert site.worst() <= 2.0
        book = read(site.entries)
        found = standing(book, site.cohorts, 2.0, DELTA)
        assert found.spent + found.reserved == pytest.approx(site.worst())
