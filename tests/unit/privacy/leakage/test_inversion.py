"""Records are read off a first layer where one record alone moved a unit, and not otherwise."""

import numpy as np

from modelward.privacy.leakage.inversion import Whitened, recovered, traps

DRAW = np.random.default_rng(4)
RECORDS = DRAW.normal(size=(120, 8))


def step(rows: list[int], units: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """The change of a rectified layer after one gradient step on `rows`."""
    weight, bias = DRAW.normal(size=(units, 8)), np.zeros(units)
    x = RECORDS[rows]
    active = (x @ weight.T + bias > 0) * DRAW.normal(size=(len(rows), units))
    return active.T @ x / len(rows), active.mean(axis=0)


def test_a_step_on_one_record_gives_it_away():
    assert recovered(*step([7]), RECORDS) == 1


def test_a_step_on_all_records_gives_nobody_away():
    assert recovered(*step(list(range(120))), RECORDS) == 0


def test_averages_of_strangers_are_nobodys_record():
    told = sum(recovered(*step(list(range(60))), RECORDS) for _ in range(50))

    assert told == 0


def test_units_that_fire_for_one_record_alone_are_counted():
    outlier = RECORDS.copy()
    outlier[3] = 40.0
    weight, bias = np.ones((5, 8)), np.full(5, -200.0)

    assert traps(weight, bias, outlier) == 5
    assert traps(weight, bias + 500.0, outlier) == 0


def test_a_row_that_is_a_record_is_like_it_and_a_drawn_row_is_not():
    images = DRAW.normal(size=(150, 100)) @ DRAW.normal(size=(100, 100)) + 5.0
    white = Whitened(images[:100], images[100:])

    copied = white.likeness({"w": images[:1] * 0.01}, 0.999)
    drawn = white.likeness({"w": DRAW.normal(size=(16, 100))}, 0.999)

    assert copied is not None
    assert drawn is not None
    assert copied.own > copied.threshold
    assert drawn.own <= drawn.threshold
