"""Groups follow from study and roster, and what the hub sees is said with its bounds."""

import pytest

from modelward.errors import StudyFileError
from modelward.privacy.masks.session import Session
from modelward.study.groups import group_of, groups, hub_sees, needed, sizes
from tests.studies import AVERAGED, table_study

GROUPED = table_study(
    AVERAGED + '\n[privacy]\naggregation = "grouped"\n[sites]\nminimum = 20\n'
)
SUMMED = table_study(AVERAGED + '\n[privacy]\naggregation = "secagg"\n[sites]\nminimum = 3\n')
NAMES = [f"site{number:02}" for number in range(43)]


@pytest.mark.parametrize("sites", range(20, 44))
def test_every_site_is_in_one_group_of_four_to_seven(sites):
    found = groups(GROUPED, NAMES[:sites])

    assert sorted(name for group in found for name in group) == NAMES[:sites]
    assert all(4 <= len(group) <= 7 for group in found)
    assert len(found) == sites // 4


@pytest.mark.slow
def test_sites_and_hub_come_to_the_same_groups_in_any_order():
    found = groups(GROUPED, NAMES)

    assert groups(GROUPED, list(reversed(NAMES))) == found
    for group in found:
        assert {group_of(GROUPED, NAMES, name) for name in group} == {group}
    assert group_of(GROUPED, NAMES, "stranger") == ()


def test_another_study_or_roster_deals_otherwise():
    other = table_study(
        AVERAGED + '\n[privacy]\naggregation = "grouped"\n[sites]\nminimum = 21\n'
    )

    assert groups(GROUPED, NAMES) != groups(other, NAMES)
    assert groups(GROUPED, NAMES[:-1])[0] != groups(GROUPED, NAMES)[0]


def test_one_sum_is_one_group():
    assert groups(SUMMED, NAMES) == (tuple(NAMES),)


@pytest.mark.parametrize("sites", range(3, 41))
def test_the_bounds_that_are_told_are_those_of_the_protocol(sites):
    roster = tuple((f"{n:02}", f"{n:064x}") for n in range(sites))
    session = Session("study", 1, "task", "schema", roster, 1)

    said = hub_sees(SUMMED, sites)

    assert needed(sites) == session.threshold
    assert f"and up to {session.withstands_curious} others" in said
    assert f"different lists and up to {session.withstands_lying}." in said


def test_what_the_hub_sees_is_said_for_each_way():
    assert "the answer of each site by itself" in hub_sees(table_study(AVERAGED), 5)
    assert "two that pool what they know see the third" in hub_sees(SUMMED, 3)
    assert "There are 5 groups, the smallest of 4" in hub_sees(GROUPED, 20)
    assert "three that pool what they know see the fourth" in hub_sees(GROUPED, 20)
    assert sizes(GROUPED, 23) == (4, 4, 5, 5, 5)


def test_groups_of_too_few_sites_are_refused_with_a_way_forward():
    with pytest.raises(StudyFileError, match="groups need 20 sites or more"):
        table_study(AVERAGED + '\n[privacy]\naggregation = "grouped"\n[sites]\nminimum = 8\n')


def test_a_rule_outvotes_wrong_groups_and_not_wrong_sites():
    robust = AVERAGED.replace(
        "[plan]", '[plan]\nrobust = { rule = "trimmed-mean", byzantine = 3 }'
    )
    grouped = '\n[privacy]\naggregation = "grouped"\n[sites]\nminimum = 27\n'

    with pytest.raises(StudyFileError, match="outvoted by 28 sites or more"):
        table_study(robust + grouped)
    table_study(robust + grouped.replace("27", "28"))
