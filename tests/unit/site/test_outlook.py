"""Whether a study would fit, for whoever is in most studies, before anybody approves it."""

import pytest

from modelward.gate.policy import Policy
from modelward.site.budget.outlook import outlook
from tests.private_studies import PRIVATE, Ward, private_study
from tests.studies import AVERAGED, table_study

FIRST = private_study()
SECOND = private_study(PRIVATE, ('id = "small"', 'id = "second"'))
"""The same price again, under another hash."""


@pytest.mark.slow
def test_before_anything_a_study_fits_or_says_what_would(tmp_path):
    assert "it fits every patient here" in outlook([], tmp_path, FIRST, Policy())
    assert outlook([], tmp_path, table_study(AVERAGED), Policy()) == ""

    tight = outlook([], tmp_path, FIRST, Policy(epsilon_study=1.0))

    assert "the study ceiling is 1" in tight
    assert "so 1.00 is left" in tight
    assert "what would fit: " in tight


@pytest.mark.slow
@pytest.mark.exhaustive
def test_those_who_are_in_a_study_already_decide_for_all(tmp_path):
    ward = Ward(tmp_path / "north", FIRST)
    ward.released(ward.task(1))
    entries = list(ward.site.ledger)
    ward.site.close()

    again = outlook(entries, ward.folder, FIRST, Policy())
    fits = outlook(entries, ward.folder, SECOND, Policy())
    passes = outlook(entries, ward.folder, SECOND, Policy(epsilon_lifetime=3.5))

    assert "reserved here already" in again
    assert "it fits every patient here" in fits
    assert "the lifetime ceiling is 3.5" in passes
    assert "a patient who is in every study so far" in passes
