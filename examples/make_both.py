"""Invented patients with a picture and a row of a table, as 13_image_and_table.py trains on.

    python examples/make_both.py both.npz

Three hospitals of 400 patients: a picture of 16 x 16 pixels with a spot that is brighter in
those who will be ill, and age and a marker of the blood, which are higher in them. A third of
the pictures of the valley were not taken, a tenth of all rows is missing, and the island has no
scanner. Nothing here is of a person.
"""

import sys

import numpy as np
from numpy.typing import NDArray

SIDE, EACH = 16, 400
PICTURES = {"north": 1.0, "valley": 0.67, "island": 0.0}
"""Share of patients with a picture."""

ROWS = 0.9
"""Share of patients with a row."""


def picture(strength: float, draw: np.random.Generator) -> NDArray[np.uint8]:
    """Return noise with a spot somewhere near the middle."""
    down, right = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2 - draw.uniform(-3, 3, (2, 1, 1))
    spot = np.exp(-(down**2 + right**2) / 8)
    image = 90 + 25 * strength * spot + draw.normal(0, 12, (SIDE, SIDE))
    return np.clip(image, 0, 255).astype(np.uint8)


def make(seed: int = 13) -> dict[str, NDArray[np.generic]]:
    """Return images, features, labels, folds and hospitals of all."""
    draw = np.random.default_rng(seed)
    whose = np.repeat(list(PICTURES), EACH)
    n = len(whose)
    spot, blood = draw.normal(0, 1, (2, n))
    age = np.clip(draw.normal(60, 12, n), 20, 95).round()
    risk = 1.4 * spot + 1.4 * blood + 0.03 * (age - 60) - 0.3
    seen = draw.random(n) < np.array([PICTURES[name] for name in whose])
    known = draw.random(n) < ROWS
    return {
        "images": np.stack([picture(3 + 2 * strength, draw) for strength in spot]),
        "has_image": seen,
        "age": np.where(known, age, np.nan),
        "marker": np.where(known, (5 + 1.5 * blood + draw.normal(0, 0.5, n)).round(2), np.nan),
        "labels": (draw.random(n) < 1 / (1 + np.exp(-risk))).astype(np.int8),
        "folds": draw.choice([0, 2], n, p=(0.6, 0.4)).astype(np.int8),
        "hospital": whose,
    }


if __name__ == "__main__":
    np.savez(sys.argv[1], **make())  # type: ignore[arg-type]
    print(f"wrote {sys.argv[1]}: {EACH * len(PICTURES)} invented patients")
