"""What a bound costs, against figures worked out by hand, and small cells that stay hidden."""

import numpy as np
import pytest

from modelward.errors import DataError
from modelward.evaluate.comparing.bound_cost import BoundCost, bound_cost, worst
from modelward.evaluate.groups.subgroups import Divided
from modelward.evaluate.predictions import Predictions

SITES = ("north", "south")
SEX = ("f", "m")


def said(rows: list[tuple[int, float]]) -> Predictions:
    outcome, probability = zip(*rows, strict=True)
    return Predictions.of(np.array(outcome, np.int64), np.array(probability))


def test_three_of_four_pairs_against_four_of_four_is_a_quarter():
    free = said([(0, 0.1), (0, 0.2), (1, 0.3), (1, 0.4)])
    bounded = said([(0, 0.1), (0, 0.35), (1, 0.3), (1, 0.4)])

    everybody, north = bound_cost("ab", {"north": bounded}, {"north": free}, ()).losses

    assert (everybody.bounded, everybody.free) == (0.75, 1.0)
    assert everybody.difference.value == -0.25
    assert (north.site, north.difference) == ("north", everybody.difference)


def two_sites(*, noisy: int, small: int = 40) -> BoundCost:
    """Return the cost where only level `noisy` gets noise; the south has `small` men.

    Both models rank everybody else alike.
    """
    bounded, free, members = {}, {}, {}
    for place, site in enumerate(SITES):
        rng = np.random.default_rng(place)
        level = np.repeat([0, 1], [80, small if site == "south" else 40])
        y = np.arange(level.size) % 2
        logit = 2 * y - 1 + rng.normal(size=level.size)
        spoilt = logit + np.where(level == noisy, 6 * rng.normal(size=level.size), 0.0)
        free[site], bounded[site] = (
            Predictions.of(y, 1 / (1 + np.exp(-z))) for z in (logit, spoilt)
        )
        members[site] = level
    return bound_cost("ab", bounded, free, [Divided(name="sex", levels=SEX, members=members)])


@pytest.mark.parametrize("noisy", [0, 1])
def test_the_group_that_the_noise_hits_is_named(noisy):
    found = two_sites(noisy=noisy)
    lost = worst(found.losses, by="level")

    assert lost is not None
    assert (lost.group, lost.level, lost.site) == ("sex", SEX[noisy], "")
    assert lost.kept
    spared = [one for one in found.losses if one.level == SEX[1 - noisy]]
    assert [one.difference.value for one in spared] == [0.0, 0.0, 0.0]
    assert not any(one.kept for one in spared)


def test_everybody_comes_first_then_hospitals_then_levels():
    found = two_sites(noisy=1).losses

    assert [(one.site, one.level) for one in found] == [
        ("", ""), ("north", ""), ("south", ""), ("", "f"), ("", "m"),
        ("north", "f"), ("north", "m"), ("south", "f"), ("south", "m"),
    ]  # fmt: skip
    assert [one.units for one in found[:3]] == [240, 120, 120]


def test_the_hospital_that_loses_most_is_named_apart_from_groups():
    found = two_sites(noisy=1)
    sites = {one.site: one.difference.value or 0.0 for one in found.losses[1:3]}
    lost = worst(found.losses, by="site")

    assert lost is not None
    assert lost.site == min(sites, key=lambda site: sites[site])
    assert worst(found.losses[:1], by="level") is None


def test_of_a_small_cell_nothing_is_told_and_it_has_company():
    found = two_sites(noisy=1, small=8)
    hidden = [one for one in found.losses if one.units is None]

    assert ("south", "m") in {(one.site, one.level) for one in hidden}
    assert len(hidden) > 1
    for one in hidden:
        figures = (one.positives, one.bounded, one.free, one.difference.value, one.adjusted)
        assert figures == (None,) * 5


def test_other_units_are_refused():
    one = said([(0, 0.1), (1, 0.9)])
    other = said([(1, 0.1), (0, 0.9)])

    with pytest.raises(DataError):
        bound_cost("ab", {"north": one}, {"north": other}, ())
