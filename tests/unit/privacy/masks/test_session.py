"""Rosters, thresholds, and what a round withstands."""

from dataclasses import replace

import pytest

from modelward.errors import MaskingFailed
from tests.masked_round import Ward


@pytest.mark.parametrize(
    ("n", "threshold", "curious", "lying"),
    [(3, 3, 2, 2), (4, 3, 2, 1), (5, 4, 3, 2), (10, 7, 6, 3), (40, 27, 26, 13)],
)
def test_what_a_round_of_n_sites_withstands(n, threshold, curious, lying):
    session = Ward(n).session

    assert session.threshold == threshold
    assert session.withstands_curious == curious
    assert session.withstands_lying == lying


def test_every_attribute_is_bound():
    session = Ward(4).session
    changed = [
        replace(session, study="x"),
        replace(session, round_no=2),
        replace(session, task="x"),
        replace(session, schema="x"),
        replace(session, size=4),
        replace(session, roster=Ward(4, seed=1).session.roster),
    ]

    assert len({each.binding for each in [session, *changed]}) == 7


@pytest.mark.parametrize("n", [0, 2, 65])
def test_too_few_sites_or_too_many_make_no_round(n):
    with pytest.raises(MaskingFailed, match=f"roster of {n} sites"):
        _ = Ward(n).session


def test_a_site_cannot_sit_twice():
    session = Ward(4).session
    name, key = session.roster[0]

    with pytest.raises(MaskingFailed, match="roster of 5"):
        replace(session, roster=(*session.roster, ("site99", key)))
    with pytest.raises(MaskingFailed, match="roster of 5"):
        replace(session, roster=((name, "00" * 32), *session.roster))
