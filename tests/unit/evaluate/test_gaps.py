"""A planted bias is found, none is not, and the intervals are those of the sources."""

import numpy as np
import pytest

from modelward.evaluate.groups.gaps import Gap, Spread, gaps, spreads
from modelward.evaluate.groups.subgroups import Divided, group_scores
from modelward.evaluate.groups.two_groups import compared_rates
from modelward.evaluate.predictions import Predictions


def invented(
    seed: int, *, shift: float, levels: int = 2, units: int = 400
) -> tuple[list[Divided], list[tuple[str, Predictions]]]:
    """Return groups and predictions; the last level's sick get `shift` less probability."""
    rng = np.random.default_rng(seed)
    level = rng.integers(0, levels, units)
    y = rng.uniform(size=units) < 0.4
    p = np.clip(rng.normal(0.35 + 0.3 * y, 0.12), 0.02, 0.98)
    p = np.clip(p - shift * (y & (level == levels - 1)), 0.02, 0.98)
    divided = Divided(
        name="sex", levels=tuple("abcd"[:levels]), members={"north": level.astype(np.int64)}
    )
    return [divided], [("north", Predictions.of(y, p))]


def found_in(
    divisions: list[Divided], by_site: list[tuple[str, Predictions]]
) -> tuple[tuple[Gap, ...], tuple[Spread, ...]]:
    scores = [one for each in divisions for one in group_scores(each, by_site, 0.5)]
    return gaps(divisions, by_site, scores, 0.5), spreads(scores)


def test_sick_people_who_are_overlooked_in_one_group_are_found():
    found, (spread,) = found_in(*invented(1, shift=0.3))
    kept = {gap.metric: gap for gap in found if gap.kept}

    assert {"auc", "sensitivity", "calibration"} <= set(kept)
    assert kept["sensitivity"].difference.value is not None
    assert kept["sensitivity"].difference.value < -0.3
    assert kept["sensitivity"].level == "b"
    assert kept["sensitivity"].others == "a"
    assert spread.equalised_odds == pytest.approx(-kept["sensitivity"].difference.value)


def test_without_a_bias_hardly_anything_is_found():
    false = sum(
        any(gap.kept for gap in found_in(*invented(seed, shift=0.0))[0]) for seed in range(60)
    )

    assert false <= 7  # at 5 % three are expected, and 8 or more have probability 0.01


def test_two_levels_are_one_question_three_are_three():
    assert len(found_in(*invented(1, shift=0.0))[0]) == 4
    three, _ = found_in(*invented(1, shift=0.0, levels=3))

    assert len(three) == 12
    assert {gap.others for gap in three} == {"all others"}


def test_newcombe_is_that_of_his_table():
    # Newcombe 1998, table II, case (a): 56/70 - 48/80, method 10: 0.0524 to 0.3339
    made = compared_rates((56, 70), (48, 80))
    assert made is not None
    interval = made[0].interval
    assert interval is not None

    assert (interval.low, interval.high) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_hidden_levels_are_neither_compared_nor_among_the_others():
    divisions, by_site = invented(4, shift=0.0, levels=3, units=300)
    members = divisions[0].members["north"].copy()
    members[members == 2] = np.where(np.arange((members == 2).sum()) < 5, 2, -1)
    few = [Divided(name="sex", levels=("a", "b", "c"), members={"north": members})]
    found, _ = found_in(few, by_site)

    assert "c" not in {gap.level for gap in found}
    assert "c" not in {gap.others for gap in found}
