"""Who lies far from the others, and since when."""

from modelward.evaluate.facts.deviation import LIMIT, Deviation, deviations


def test_a_site_that_went_astray_in_round_three_is_told_since_then():
    history = [{"a": 1.0, "b": 0.5}, {"a": 1.0, "b": 4.0}, {"a": 9.0}, {"a": 5.0, "b": 1.0}]

    found = deviations(history)

    assert found["a"] == Deviation(rounds=4, typical=3.0, farthest=9.0, beyond=2, since=3)
    assert found["b"] == Deviation(rounds=3, typical=1.0, farthest=4.0, beyond=1, since=None)


def test_a_round_without_the_site_does_not_end_its_stretch():
    found = deviations([{"a": LIMIT + 1}, {"b": 1.0}, {"a": LIMIT + 2, "b": LIMIT}])

    assert found["a"].since == 1
    assert found["b"].since is None


def test_nothing_seen_is_nothing_said():
    assert deviations([]) == {}
    assert deviations([{}, {}]) == {}
