"""Adopt only if better: choices and votes by hand."""

import numpy as np

from modelward.exchange.methods.choose import LOCAL, choose, choose_here, vote
from modelward.exchange.methods.evidence import Evidence, Told


def own(*right: int) -> Evidence:
    """What a candidate got right on own units, and no word of peers."""
    return Evidence(np.array(right, float), {})


Y = np.array([0] * 4 + [1] * 4)


def test_local_is_kept_where_better_is_not_shown_and_the_reason_is_written():
    found = choose(
        {LOCAL: own(1, 1, 0, 0, 1, 1, 0, 0), "pool": own(1, 1, 1, 0, 1, 1, 0, 0)}, Y, 2
    )

    assert (found.chosen, found.best, found.adopted) == (LOCAL, "pool", False)
    assert "+9.1 points" in found.reason
    assert "local is kept" in found.reason


def test_what_is_better_everywhere_is_adopted():
    found = choose({LOCAL: own(*[0] * 8), "pool": own(*[1] * 8)}, Y, 2)

    assert (found.chosen, found.adopted) == ("pool", True)


def test_the_vote_of_the_sites_comes_before_the_own_favourite_but_not_before_the_floor():
    candidates = {LOCAL: own(*[1] * 8), "a": own(*[1] * 8), "b": own(*[0] * 8)}

    found = choose(candidates, Y, 2, preferred="b")

    assert (found.best, found.chosen) == ("b", LOCAL)


def test_my_population_looks_at_own_units_alone_and_says_so():
    told = {1: [Told(0.0, 500)]}
    pool = Evidence(np.ones(20), told)
    local = Evidence(np.r_[np.ones(5), np.zeros(15)], {1: [Told(1.0, 500)]})

    found = choose_here({LOCAL: local, "pool": pool}, np.zeros(20, int), 2)

    assert (found.chosen, found.population) == ("pool", "my population")


def test_no_site_decides_a_class_that_others_see():
    ballots = {
        "liar": {"a": np.array([0.0, 0.0]), "b": np.array([1.0, 1.0])},
        "north": {"a": np.array([0.9, np.nan]), "b": np.array([0.5, np.nan])},
        "south": {"a": np.array([0.9, 0.8]), "b": np.array([0.5, 0.4])},
        "west": {"a": np.array([np.nan, 0.8]), "b": np.array([np.nan, 0.4])},
    }

    assert vote(ballots) == "a"


def test_what_nobody_could_judge_counts_against_a_combiner_that_nobody_taught_it():
    said = {"a": np.array([0.8, np.nan, np.nan]), "learnt": np.array([0.9, np.nan, np.nan])}

    assert vote({"north": said, "south": said}, (0, 1), ("learnt",)) == "a"
    assert vote({"north": said, "south": said}, (0,), ("learnt",)) == "learnt", "unknown to all"
