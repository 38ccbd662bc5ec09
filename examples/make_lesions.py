"""Invented slices with lesions drawn in, as 09_outline_lesions.py trains on.

    python examples/make_lesions.py lesions.npz

Three hospitals of 120 slices of 32 x 32 pixels: a brain-like ellipse with soft shadows, and in
seven of ten an ellipse that is brighter, the lesion. One scanner is darker, one is noisier.
Nothing here is of a person.
"""

import sys

import numpy as np
from numpy.typing import NDArray

SIDE = 32
SCANNERS = {"north": (1.0, 6.0), "valley": (0.8, 6.0), "river": (1.0, 14.0)}
"""Brightness and noise of each hospital's scanner."""

WITH_LESION = 0.7

Grid = NDArray[np.float64]


def ellipse(draw: np.random.Generator, far: float, least: float, most: float) -> Grid:
    """Return 1 within an ellipse somewhere near the middle, 0 outside."""
    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2 - draw.uniform(-far, far, (2, 1, 1))
    tall, wide = draw.uniform(least, most, 2)
    return ((rows / tall) ** 2 + (columns / wide) ** 2 < 1).astype(np.float64)


def slice_of(scanner: tuple[float, float], draw: np.random.Generator) -> tuple[Grid, Grid]:
    """Return one slice, 0 to 255, and the mask of its lesion."""
    bright, noise = scanner
    brain = ellipse(draw, 1.0, 12.0, 15.0)
    lesion = ellipse(draw, 6.0, 2.5, 5.0) * brain * (draw.random() < WITH_LESION)
    image = 20 + 90 * brain - 25 * ellipse(draw, 5.0, 2.0, 4.0) * brain + 60 * lesion
    return np.clip(bright * image + draw.normal(0, noise, image.shape), 0, 255), lesion


def make(seed: int = 5, each: int = 120) -> dict[str, NDArray[np.generic]]:
    """Return images, masks, folds and hospitals of all."""
    draw = np.random.default_rng(seed)
    pairs = [slice_of(scanner, draw) for scanner in SCANNERS.values() for _ in range(each)]
    return {
        "images": np.array([image for image, _ in pairs]).astype(np.uint8),
        "masks": np.array([mask for _, mask in pairs]).astype(np.uint8),
        "folds": draw.choice([0, 2], len(pairs), p=(0.7, 0.3)).astype(np.int8),
        "hospital": np.repeat(list(SCANNERS), each),
    }


if __name__ == "__main__":
    np.savez(sys.argv[1], **make())  # type: ignore[arg-type]
    print(f"wrote {sys.argv[1]}: {120 * len(SCANNERS)} invented slices")
