"""Scores by group: planted figures come back, and small cells are gone."""

import numpy as np
import pytest

from modelward.evaluate.groups.subgroups import (
    EVERYWHERE,
    FEWEST,
    Divided,
    GroupScores,
    group_scores,
    worst_group,
)
from modelward.evaluate.predictions import Predictions

SITES = ("north", "south", "west")


def cohort(seed: int, counts: dict[tuple[int, int], int]) -> tuple[Predictions, np.ndarray]:
    """Return a site's units: (level, outcome) -> how many."""
    rng = np.random.default_rng(seed)
    level = np.concatenate([np.full(n, key[0]) for key, n in counts.items()])
    y = np.concatenate([np.full(n, key[1]) for key, n in counts.items()])
    p = np.clip(rng.normal(0.35 + 0.3 * y, 0.15), 0.01, 0.99)
    return Predictions.of(y, p), level.astype(np.int64)


def three(swaps: dict[str, dict[tuple[int, int], int]]) -> tuple[GroupScores, ...]:
    """Return the scores of three sites with 30 units a cell, some of them swapped."""
    usual = {(level, y): 30 for level in (0, 1) for y in (0, 1)}
    made = {
        site: cohort(place, {**usual, **swaps.get(site, {})})
        for place, site in enumerate(SITES)
    }
    divided = Divided(
        name="sex", levels=("f", "m"), members={site: made[site][1] for site in SITES}
    )
    return group_scores(divided, [(site, made[site][0]) for site in SITES], 0.5)


def test_everywhere_comes_first_then_site_by_site():
    found = three({})

    assert [(one.site, one.level) for one in found] == [
        (EVERYWHERE, "f"), (EVERYWHERE, "m"),
        ("north", "f"), ("north", "m"), ("south", "f"), ("south", "m"),
        ("west", "f"), ("west", "m"),
    ]  # fmt: skip
    assert all((one.units, one.positives) == (60, 30) for one in found[2:])
    assert (found[0].units, found[0].positives) == (180, 90)


def test_rates_and_calibration_are_those_of_plain_counting():
    one, level = cohort(0, {(0, 0): 40, (0, 1): 40, (1, 0): 40, (1, 1): 40})
    divided = Divided(name="sex", levels=("f", "m"), members={"north": level})
    found = group_scores(divided, [("north", one)], 0.6)[0]
    y, p = one.outcome[level == 0], one.probability[level == 0]

    assert found.sensitivity.value == pytest.approx((p[y] >= 0.6).mean())
    assert found.false_alarms.value == pytest.approx((p[~y] >= 0.6).mean())
    assert found.beyond.value == pytest.approx(y.mean() - p.mean())


def test_of_a_small_cell_nothing_is_told():
    found = three({"west": {(0, 1): 3}})
    west = next(one for one in found if (one.site, one.level) == ("west", "f"))

    assert (west.units, west.positives) == (None, None)
    for figure in (west.auc, west.sensitivity, west.false_alarms, west.beyond):
        assert (figure.value, figure.interval) == (None, None)
        assert figure.note.startswith("not shown")


def test_a_small_cell_is_not_given_back_by_the_sums():
    found = three({"west": {(0, 1): 3}})
    hidden = {(one.site, one.level) for one in found if one.units is None}

    assert ("west", "f") in hidden
    for _, level in hidden & {(site, level) for site in SITES for level in "fm"}:
        assert sum((site, level) in hidden for site in SITES) != 1
    for site, _ in hidden:
        assert sum((site, level) in hidden for level in "fm") != 1


def test_a_site_that_nothing_covers_takes_only_the_levels_by_site_with_it():
    tiny = {"west": {(0, 0): 1, (0, 1): 1, (1, 0): 4, (1, 1): 0}}
    plain = {"north": {(1, 1): 7}, "south": {(1, 1): 5, (0, 1): 6}}
    found = three({**plain, **tiny})
    together = [one for one in found if one.site == EVERYWHERE]

    assert [(one.units, one.positives) for one in together] == [(98, 37), (76, 12)]
    assert all(one.units is None for one in found if one.site != EVERYWHERE)


def test_levels_together_are_hidden_where_they_are_small_themselves():
    few = {site: {(1, 1): 2} for site in SITES}
    found = three(few | {"west": {(0, 0): 1, (0, 1): 1, (1, 0): 4, (1, 1): 0}})

    assert [one.units for one in found if one.site == EVERYWHERE][1] is None


def test_every_shown_cell_has_at_least_the_minimum():
    rng = np.random.default_rng(9)
    for _ in range(40):
        swaps = {
            site: {(n, y): int(rng.integers(0, 25)) for n in (0, 1) for y in (0, 1)}
            for site in SITES
        }
        for one in three(swaps):
            if one.units is not None and one.positives is not None:
                assert FEWEST <= one.positives <= one.units - FEWEST


def test_units_without_a_level_are_in_no_group_and_do_not_give_a_group_away():
    one, level = cohort(0, {(0, 0): 40, (0, 1): 40, (-1, 0): 2, (-1, 1): 40})
    divided = Divided(name="age", levels=("young",), members={"north": level})
    found = group_scores(divided, [("north", one)], 0.5)

    # the site's total minus the young would be the two of unknown age
    assert all(each.units is None for each in found)


def test_the_worst_group_is_the_one_that_is_ranked_worst():
    rng = np.random.default_rng(2)
    one, level = cohort(0, {(0, 0): 60, (0, 1): 60, (1, 0): 60, (1, 1): 60})
    p = np.where(level == 1, rng.uniform(size=len(one)), one.probability)
    divided = Divided(name="sex", levels=("f", "m"), members={"north": level})
    found = group_scores(divided, [("north", Predictions.of(one.outcome, p))], 0.5)
    worst = worst_group(found)

    assert worst is not None
    assert worst.level == "m"
    assert worst_group(()) is None
