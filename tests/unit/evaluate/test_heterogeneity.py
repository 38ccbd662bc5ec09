"""How sites differ is told from noised counts: planted shifts are found, and noise is none."""

import numpy as np
import pytest

from modelward.core.columns import columns
from modelward.evaluate.told.heterogeneity import Heterogeneity, heterogeneity
from modelward.privacy.plan import look
from modelward.study.readiness import BINS, Statement, banded, contributions, names, reach
from tests.sites import newton

STUDY = newton()


def statement(draw: np.random.Generator, units: int, **changes: float) -> Statement:
    """Return what a site with invented patients would say."""
    age = draw.normal(changes.get("age", 60), 12, units).clip(18, 110)
    creatinine = draw.gamma(2.0, 0.6, units).clip(0, 10)
    creatinine[draw.random(units) < changes.get("missing", 0.0)] = np.nan
    diabetes = (draw.random(units) < 0.3).astype(float)
    y = (draw.random(units) < changes.get("outcome", 0.3)).astype(np.int8)
    x = np.column_stack([age, creatinine, diabetes])
    whole = contributions(STUDY, x, y, None).sum(axis=0)
    whole += draw.normal(0, look().noise * reach(STUDY), whole.size)
    outcome, *values = whole.reshape(-1, BINS + 1)
    ready = dict.fromkeys(names(STUDY), True)
    return Statement(
        ready=ready, units=banded(units), outcome=outcome[:BINS], values=np.array(values)
    )


def view(seed: int, units: int = 1000, **changes: float) -> Heterogeneity:
    draw = np.random.default_rng(seed)
    said = {site: statement(draw, units) for site in ("east", "north", "west")}
    said["south"] = statement(draw, units, **changes)
    return heterogeneity(STUDY, said)


def called(found: Heterogeneity) -> set[tuple[str, str]]:
    return {(each.site, each.name) for each in found.shifts if each.shifted}


@pytest.mark.slow
def test_sites_of_one_population_are_hardly_ever_told_apart():
    wrong = sum(bool(called(view(seed, units=300))) for seed in range(200))

    assert wrong <= 6  # 1 % of views, and what chance adds to that


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("sizes", "changes", "seen"),
    [
        ((100, 100), {}, 0),
        ((300, 300), {}, 2),
        ((1000, 1000), {}, 0),
        ((100, 5000), {}, 0),
        ((10_000, 10_000), {}, 1),
        ((500, 500), {"outcome": 0.03}, 0),
        ((500, 500), {"missing": 0.7}, 0),
    ],
)
def test_pairs_of_one_population_are_hardly_ever_told_apart(sizes, changes, seen):
    """The rate that docs/data.md tells, on draws of its own; 1 % of 200 are 2."""
    wrong = 0
    for number in range(200):
        draw = np.random.default_rng([20261126 + len(changes), number])
        said = {f"s{n}": statement(draw, units, **changes) for n, units in enumerate(sizes)}
        wrong += bool(called(heterogeneity(STUDY, said)))

    assert wrong <= 6
    assert not changes or wrong == 0
    assert changes or wrong == seen


@pytest.mark.parametrize(
    ("change", "name"),
    [({"age": 75.0}, "age"), ({"outcome": 0.6}, "readmitted")],
)
def test_a_planted_shift_is_found_where_it_is(change, name):
    found = [view(seed, **change) for seed in range(10)]

    assert sum(("south", name) in called(each) for each in found) >= 9
    others = {n for each in found for s, n in called(each) if s == "south"} - {name}
    assert not others


def test_shares_have_errors_from_chance_and_noise():
    inside = []
    for seed in range(100):
        found = view(seed, missing=0.4, outcome=0.6)
        south = next(s for s in found.outcome if s.site == "south")
        gone = next(s for s in found.missing if (s.site, s.name) == ("south", "creatinine"))
        inside += [abs(south.share - 0.6) < 1.96 * south.error,
                   abs(gone.share - 0.4) < 1.96 * gone.error]  # fmt: skip

    assert 0.9 <= np.mean(inside) <= 1.0


def test_a_distance_is_half_of_what_shares_differ_by():
    ready, flat = dict.fromkeys(names(STUDY), True), np.zeros((3, BINS + 1))
    flat[:, 0] = 1e6
    one, other = np.zeros(BINS), np.zeros(BINS)
    one[:2], other[:2] = (6e5, 4e5), (2e5, 8e5)
    found = heterogeneity(
        STUDY,
        {
            "a": Statement(ready=ready, units=100_000, outcome=one, values=flat),
            "b": Statement(ready=ready, units=100_000, outcome=other, values=flat),
        },
    )

    first = next(each for each in found.shifts if each.name == "readmitted")
    assert first.distance == pytest.approx(0.4)
    assert first.shifted
    assert [share.share for share in found.outcome] == [0.4, 0.8]


def test_who_lacks_what_and_who_was_not_heard_is_told():
    ready = {**dict.fromkeys(names(STUDY), True), "age": False}
    nobody = Statement(
        ready=ready, units=0, outcome=np.zeros(BINS), values=np.zeros((3, BINS + 1))
    )
    found = heterogeneity(STUDY, {"north": nobody}, ["north", "south"])

    north, south = found.sites
    assert (north.told, north.ready, north.lacks) == (True, False, ("age",))
    assert (south.told, south.ready, south.lacks) == (False, False, ())
    assert not found.shifts
    assert not found.missing
    assert len(columns(STUDY)) == 3
