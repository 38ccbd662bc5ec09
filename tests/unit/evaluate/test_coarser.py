"""Bands that are too narrow to be shown: the wider ones that would be, known by hand."""

from itertools import pairwise

import numpy as np
import pytest

from modelward.evaluate.groups.coarser import coarser
from modelward.evaluate.groups.subgroups import Divided, group_scores
from modelward.evaluate.predictions import Predictions

EDGES = (18.0, 40.0, 60.0, 80.0, 110.0)


def bands(
    *sites: dict[int, int], edges: tuple[float, ...] = EDGES
) -> tuple[Divided, list[tuple[str, Predictions]]]:
    """Return bands in which each site has so many with, and as many without the outcome."""
    by_site, members = [], {}
    for place, of in enumerate(sites):
        level = np.repeat(list(of), [2 * units for units in of.values()])
        outcome = np.arange(level.size) % 2 == 0
        p = np.random.default_rng(place).uniform(size=level.size)
        by_site.append((f"s{place}", Predictions.of(outcome, p)))
        members[f"s{place}"] = level
    names = tuple(f"{low:g} on" for low in EDGES[:-1])
    return Divided(name="age", levels=names, members=members, edges=edges), by_site


def test_a_narrow_band_is_joined_to_its_smaller_neighbour():
    divided, by_site = bands({0: 3, 1: 20, 2: 50, 3: 40}, {0: 30, 1: 30, 2: 50, 3: 40})
    (found,) = coarser([divided], by_site)

    assert (found.group, found.edges) == ("age", (18.0, 60.0, 80.0, 110.0))
    assert (found.told, found.rows) == (9, 9)


def test_what_is_offered_is_what_those_bands_would_show():
    divided, by_site = bands({0: 3, 1: 20, 2: 50, 3: 40}, {0: 30, 1: 4, 2: 50, 3: 12})
    (found,) = coarser([divided], by_site)
    middle = [(low + high) / 2 for low, high in pairwise(EDGES)]
    again = Divided(
        name="age",
        levels=tuple(map(str, found.edges[1:])),
        members={
            site: np.digitize(np.array(middle)[level], found.edges) - 1
            for site, level in divided.members.items()
        },
    )
    scores = group_scores(again, by_site, 0.5)

    assert sum(one.units is not None for one in scores) == found.told
    before = group_scores(divided, by_site, 0.5)
    assert found.told / found.rows > sum(o.units is not None for o in before) / len(before)


def test_bands_that_are_shown_are_left_as_they_are():
    divided, by_site = bands(dict.fromkeys(range(4), 20), dict.fromkeys(range(4), 20))

    assert coarser([divided], by_site) == ()


@pytest.mark.parametrize("units", [{0: 2, 1: 2, 2: 2, 3: 2}, {0: 1, 1: 1, 2: 1, 3: 30}])
def test_where_no_wider_bands_would_show_more_none_are_offered(units):
    divided, by_site = bands(units)
    (found,) = coarser([divided], by_site)

    assert (found.edges, found.told) == ((), 0)


def test_levels_that_are_no_bands_are_not_joined():
    divided, by_site = bands({0: 3, 1: 20, 2: 50, 3: 40}, edges=())

    assert coarser([divided], by_site) == ()
