"""A record is found again however it was moved, stretched, turned or packed; noise is not."""

import numpy as np
import pytest

from modelward.privacy.leakage.copies import Copies, Passages

DRAW = np.random.default_rng(3)
IMAGES = DRAW.integers(0, 256, (60, 28, 28)).astype(np.uint8)
TABLE = np.column_stack(
    [DRAW.uniform(20, 90, 200), DRAW.gamma(2, 0.6, 200), DRAW.integers(0, 2, 200)]
)
GRID = 2.0**24


def update(payload: np.ndarray | None = None, at: int = 700) -> dict[str, np.ndarray]:
    """A trained-looking update of 6,000 values, with `payload` somewhere in it."""
    values = np.random.default_rng(5).normal(0, 0.01, 6000)
    if payload is not None:
        flat = np.asarray(payload, np.float64).reshape(-1)
        values[at : at + flat.size] = flat
    return {"w": (np.rint(values * GRID) / GRID).astype(np.float32)}


RECORD = IMAGES[17].astype(np.float64)
WAYS = {
    "as pixels": RECORD / 8,
    "from -1 to 1": RECORD / 127.5 - 1,
    "small": RECORD * 1e-4,
    "negated": -RECORD * 1e-3 + 0.25,
    "turned": RECORD.T * 1e-3,
    "half of it": RECORD[:14] * 1e-3,
    "on the last bits": RECORD / GRID,
}


@pytest.mark.parametrize("way", WAYS)
def test_an_image_is_found(way):
    found = Passages(IMAGES).search(update(WAYS[way]), thorough=False)

    assert found.passages >= 10
    assert found.records >= 1


def test_an_image_in_the_low_byte_of_values_is_found():
    values = np.rint(update()["w"].astype(np.float64) * GRID).astype(np.int64) & ~255
    values[:784] |= IMAGES[17].reshape(-1)

    found = Passages(IMAGES).search({"w": (values / GRID).astype(np.float32)}, thorough=False)

    assert found.passages >= 10


def test_three_pixels_packed_into_every_value_are_found_by_the_full_search():
    packed = IMAGES[17].reshape(-1)[:783].astype(np.int64).reshape(-1, 3)
    values = (packed @ np.array([1, 256, 65536])) / GRID

    assert Passages(IMAGES).search(update(values), thorough=True).passages >= 10


def test_what_resembles_no_record_is_not_found():
    assert Passages(IMAGES).search(update(), thorough=True) == Copies(0, 0, 0)
    stranger = np.random.default_rng(9).integers(0, 256, (28, 28)) * 1e-3
    assert Passages(IMAGES).search(update(stranger), thorough=True) == Copies(0, 0, 0)


@pytest.mark.parametrize("scale", ["units", "scaled"])
def test_a_whole_row_of_a_table_is_found(scale):
    scaled = (TABLE - TABLE.mean(axis=0)) / TABLE.std(axis=0)
    row = (TABLE if scale == "units" else scaled)[41]

    assert Passages(None, [TABLE, scaled]).search(update(row), thorough=False).rows >= 1
    assert Passages(None, [TABLE, scaled]).search(update(), thorough=False).rows == 0


def test_a_column_over_patients_is_found():
    found = Passages(None, [TABLE]).search(update(TABLE[:60, 1] * 0.01), thorough=False)

    assert found.passages >= 3


def test_a_cohort_of_nobody_finds_nothing():
    nobody = Passages(np.zeros((0, 28, 28), np.uint8))

    assert nobody.search(update(), thorough=True) == Copies(0, 0, 0)
