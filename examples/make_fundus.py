"""Invented retinas with five grades of retinopathy, as 08_grade_retinas.py trains on.

    python examples/make_fundus.py fundus.npz

Three hospitals of 300 images, 32 x 32 pixels: a bright disc with dark vessels; small dark
dots from grade 1 on, more of them with every grade, and bright spots from grade 3 on. The
hospital by the river never sees grades 3 and 4. Nothing here is of a person.
"""

import sys

import numpy as np
from numpy.typing import NDArray

SIDE, GRADES, VESSEL, DARK = 32, 5, 0.7, 50
SHARES = {
    "north": (0.4, 0.15, 0.2, 0.15, 0.1),
    "valley": (0.2, 0.2, 0.2, 0.2, 0.2),
    "river": (0.5, 0.3, 0.2, 0.0, 0.0),
}
"""Of each grade at each hospital."""

Grid = NDArray[np.float64]


def retina(grade: int, draw: np.random.Generator) -> Grid:
    """Return one image of a grade, 0 to 255."""
    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    image = np.where(np.hypot(rows, columns) < SIDE / 2 - 1, 120.0, 10.0)
    for angle in draw.uniform(0, 2 * np.pi, 3):
        far = np.abs(np.cos(angle) * rows - np.sin(angle) * columns - draw.normal(0, 3))
        image[(far < VESSEL) & (image > DARK)] -= 35
    for _ in range(3 * grade):
        r, c = draw.integers(6, SIDE - 6, 2)
        image[r : r + 2, c : c + 2] -= 60
    for _ in range(2 * max(grade - 2, 0)):
        r, c = draw.integers(7, SIDE - 8, 2)
        image[r : r + 3, c : c + 3] += 80
    return np.clip(image + draw.normal(0, 8, image.shape), 0, 255)


def make(seed: int = 11, each: int = 300) -> dict[str, NDArray[np.generic]]:
    """Return images, labels (grades), folds and hospitals of all."""
    draw = np.random.default_rng(seed)
    grades = np.concatenate([draw.choice(GRADES, each, p=SHARES[name]) for name in SHARES])
    return {
        "images": np.array([retina(grade, draw) for grade in grades]).astype(np.uint8),
        "labels": grades.astype(np.int8),
        "folds": draw.choice(3, len(grades), p=(0.6, 0.1, 0.3)).astype(np.int8),
        "hospital": np.repeat(list(SHARES), each),
    }


if __name__ == "__main__":
    np.savez(sys.argv[1], **make())  # type: ignore[arg-type]
    print(f"wrote {sys.argv[1]}: {len(SHARES) * 300} invented retinas, {GRADES} grades")
