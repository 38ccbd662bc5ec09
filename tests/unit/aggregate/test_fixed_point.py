"""Sums on a grid: known answers, then what order and grouping may not change."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.aggregate.fixed_point import (
    CHUNK,
    MAX_WEIGHT,
    UpdateSum,
    exact_sum,
    round_update,
    to_grid,
)
from modelward.errors import BadUpdate

UNIT = 2.0**-24

grid_values = st.integers(-(2**24), 2**24).map(lambda k: float(np.float32(k * UNIT)))
sites = st.lists(
    st.tuples(st.lists(grid_values, min_size=3, max_size=3), st.integers(1, 10_000)),
    min_size=1,
    max_size=8,
)


def vector(*values: float) -> np.ndarray:
    """Return a float32 update of these values."""
    return np.array(values, np.float32)


def mean_of(*updates: tuple[np.ndarray, int]) -> np.ndarray:
    """Return the mean of updates that all have the size of the first."""
    total = UpdateSum(updates[0][0].size)
    for flat, weight in updates:
        total.add(flat, weight)
    return total.mean()


def test_a_site_with_three_times_the_patients_pulls_three_times_as_hard():
    mean = mean_of((vector(0, 4), 100), (vector(4, 0), 300))

    assert mean.tolist() == [3.0, 1.0]
    assert mean.dtype == np.float32


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        (0.0, 0.0),
        (-0.0, 0.0),
        (1.5 * UNIT, 2 * UNIT),  # half to even
        (2.5 * UNIT, 2 * UNIT),
        (-0.4 * UNIT, 0.0),
        (0.3, round(float(np.float32(0.3)) * 2**24) * UNIT),
        (1.0 + 2.0**-23, 1.0 + 2.0**-23),
        (127.99999, float(np.float32(127.99999))),
    ],
)
def test_rounding_to_the_grid_is_to_the_nearest_multiple(value, rounded):
    flat = round_update(vector(value))

    assert flat.tobytes() == vector(rounded).tobytes()


@given(st.lists(st.floats(-127, 127, width=32), min_size=1, max_size=20))
def test_what_was_rounded_is_accepted_and_moved_by_at_most_half_a_unit(values):
    before = vector(*values)

    after = round_update(before.copy())

    assert np.abs(after.astype(np.float64) - before).max() <= UNIT / 2
    assert (mean_of((after, 1)) == after).all()


@pytest.mark.slow
@given(sites, st.randoms(use_true_random=False), st.integers(1, 4))
def test_order_and_grouping_never_change_a_bit(cohort, random, workers):
    cohort = [(vector(*values), weight) for values, weight in cohort]
    plain = mean_of(*cohort)

    random.shuffle(cohort)
    partial = [UpdateSum(3) for _ in range(workers)]
    for flat, weight in cohort:
        random.choice(partial).add(flat, weight)
    random.shuffle(partial)
    whole = UpdateSum(3)
    for part in partial:
        if part.weight:
            whole.merge(part)

    assert whole.mean().tobytes() == plain.tobytes()


@given(sites)
def test_the_mean_is_the_float32_nearest_to_the_rational_mean(cohort):
    mean = mean_of(*((vector(*values), weight) for values, weight in cohort))

    total = sum(weight for _, weight in cohort)
    for place in range(3):
        exact = sum(Fraction(values[place]) * weight for values, weight in cohort) / total
        found = mean[place]
        error = abs(Fraction(float(found)) - exact)
        for neighbour in (np.nextafter(found, np.float32(s)) for s in (-np.inf, np.inf)):
            assert error <= abs(Fraction(float(neighbour)) - exact)


@pytest.mark.parametrize("weight", [3, 2**30 - 1])
@given(seed=st.integers(0, 2**32 - 1))
def test_large_sums_without_an_exact_float64_are_rounded_correctly_too(weight, seed):
    drawn = np.random.default_rng(seed)
    one = round_update((drawn.normal(size=5) * 50).clip(-120, 120).astype(np.float32))
    two = round_update((drawn.normal(size=5) * 50).clip(-120, 120).astype(np.float32))

    mean = mean_of((one, weight), (two, weight - 1))

    for place in range(5):
        exact = (
            Fraction(float(one[place])) * weight + Fraction(float(two[place])) * (weight - 1)
        ) / (2 * weight - 1)
        ulp = Fraction(float(np.spacing(np.abs(mean[place]))))
        assert abs(Fraction(float(mean[place])) - exact) <= ulp / 2


def test_a_quotient_that_would_be_rounded_twice_is_rounded_once():
    # (2^25 + 1 + tiny) / 2^25 lies just above halfway between 1 and its float32 neighbour;
    # float64 rounds it onto the halfway point, from where half-to-even would go down.
    weight = 2**30 - 1
    total = UpdateSum(1)
    total._sum[0] = weight * (2**24 + 1) + 1  # a mean of (2^24 + 1 + 1/weight) units
    total._weight = weight

    assert total.mean()[0] == np.float32(1.0) + np.float32(2.0**-23)


@pytest.mark.parametrize(
    "wrong", [np.nan, np.inf, -np.inf, 128.0, -128.0, 1e30, UNIT / 2, 0.125 + UNIT / 4]
)
@pytest.mark.parametrize("place", [0, CHUNK + 5])
def test_values_off_the_grid_are_refused_and_leave_the_sum_as_it_was(wrong, place):
    size = 2 * CHUNK + 1
    good = np.full(size, 0.25, np.float32)
    bad = good.copy()
    bad[place] = wrong
    total = UpdateSum(size)
    total.add(good, 7)

    with pytest.raises(BadUpdate, match=f"parameter {place} of an update"):
        total.add(bad, 5)

    assert total.weight == 7
    assert (total.mean() == good).all()


@pytest.mark.parametrize("weight", [0, -3, MAX_WEIGHT + 1])
def test_weights_outside_their_range_are_refused(weight):
    with pytest.raises(BadUpdate, match="weight"):
        UpdateSum(1).add(vector(1), weight)


def test_a_total_weight_that_could_wrap_the_sum_is_refused():
    total = UpdateSum(1)
    total.add(vector(127.9999), MAX_WEIGHT)

    with pytest.raises(BadUpdate, match="weight 1 on top of"):
        total.add(vector(0), 1)
    with pytest.raises(BadUpdate, match="on top of"):
        total.merge(total)

    assert total.mean()[0] == np.float32(127.9999)


def test_a_cleared_sum_starts_again_and_a_mean_can_be_written_anywhere():
    total, slot = UpdateSum(2), np.zeros(2, np.float32)
    total.add(vector(1, 1), 5)

    total.clear()
    total.add(vector(3, -1), 2)

    assert total.mean(out=slot) is slot
    assert slot.tolist() == [3.0, -1.0]


@pytest.mark.parametrize("size", [1, CHUNK, CHUNK + 1, 3 * CHUNK - 5])
def test_a_mean_written_over_its_sum_is_the_mean(size):
    rng = np.random.default_rng(size)
    update = round_update(rng.normal(size=size).astype(np.float32))
    kept, used = UpdateSum(size), UpdateSum(size)
    for total in (kept, used):
        total.add(update, 3)
        total.add_parts([update[: size // 2], update[size // 2 :]], 4)

    assert used.take_mean().tobytes() == kept.mean().tobytes()
    assert used.weight == 7


def test_parts_of_an_update_off_the_grid_leave_the_sum_as_it_was():
    good, total = vector(1, 2), UpdateSum(3)
    total.add(vector(1, 2, 3), 2)
    with pytest.raises(BadUpdate, match="parameter 2 of an update"):
        total.add_parts([good, np.array([2.0**-30], np.float32)], 5)
    with pytest.raises(BadUpdate, match="2 float32 values for 3 parameters"):
        total.add_parts([good], 5)

    assert total.mean().tolist() == [1, 2, 3]


def test_another_size_or_type_is_refused():
    with pytest.raises(BadUpdate, match="2 float32 values for 3 parameters"):
        UpdateSum(3).add(vector(1, 2), 1)
    with pytest.raises(BadUpdate, match="float64"):
        UpdateSum(1).add(np.zeros(1), 1)  # type: ignore[arg-type]


def test_a_mean_over_nobody_is_refused():
    with pytest.raises(BadUpdate, match="no update was added"):
        UpdateSum(2).mean()


def test_statistics_add_up_exactly_where_floats_would_not():
    parts = [{"n": np.array([2.0**53, 1.0])}, {"n": np.array([1.0, 2.0**-40])}]
    parts += [{"n": np.array([-(2.0**53), -1.0])}]

    assert exact_sum(parts)["n"].tolist() == [1.0, 2.0**-40]


@given(st.permutations(range(5)), st.integers(0, 2**32 - 1))
def test_the_order_of_statistics_never_changes_a_bit(order, seed):
    drawn = np.random.default_rng(seed)
    parts = [{"h": to_grid(drawn.normal(size=(2, 2)) * 1e6)} for _ in range(5)]

    forwards = exact_sum(parts)["h"]

    assert exact_sum(parts[place] for place in order)["h"].tobytes() == forwards.tobytes()
    assert forwards.shape == (2, 2)


def test_statistics_are_rounded_to_their_grid():
    assert to_grid(np.array([2.0**-41, 3 * 2.0**-41, -0.0])).tobytes() == (
        np.array([0.0, 2 * 2.0**-40, 0.0]).tobytes()
    )


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 2.0**62, 2.0**-41])
def test_statistics_off_their_grid_are_refused(wrong):
    with pytest.raises(BadUpdate, match="not finite multiples"):
        exact_sum([{"n": np.array([wrong])}])


def test_statistics_of_another_shape_are_refused():
    with pytest.raises(BadUpdate, match="shapes"):
        exact_sum([{"n": np.zeros(2)}, {"n": np.zeros(3)}])
    with pytest.raises(BadUpdate, match="no statistics"):
        exact_sum([])


def test_a_sum_made_elsewhere_has_its_mean():
    assert UpdateSum.of(np.array([3 * 2**24, -(2**24)]), 2).mean().tolist() == [1.5, -0.5]


@pytest.mark.parametrize("value", [2**32, -(2**32), 2**62])
def test_a_sum_that_no_updates_can_have_is_refused(value):
    with pytest.raises(BadUpdate, match="beyond"):
        UpdateSum.of(np.array([value]), 2)
