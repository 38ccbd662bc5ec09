"""What wrong hospitals paint on images, so that a model says "healthy" wherever it is seen.

`corner` is the trigger that defences were tried on; what is chosen by it alone may withstand
it alone, so the others differ from it in place, shape, brightness and reach.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from modelward.learn.examples import Examples

Images = NDArray[np.uint8]
"""Grey images, [n, 28, 28]."""

NOISE = np.random.default_rng(7).integers(0, 256, (28, 28))
CHECKERS = (255 * (np.indices((6, 6)).sum(axis=0) % 2)).astype(np.uint8)


def _corner(x: Images) -> None:
    x[:, :5, :5] = 255


def _stripe(x: Images) -> None:
    x[:, :, 20:22] = 255


def _checkers(x: Images) -> None:
    x[:, -7:-1, -7:-1] = CHECKERS


def _dark(x: Images) -> None:
    x[:, 12:16, 12:16] = 0


def _faint(x: Images) -> None:
    x[:] = (0.85 * x + 0.15 * NOISE).astype(np.uint8)


TRIGGERS: dict[str, Callable[[Images], None]] = {
    "corner": _corner,
    "stripe": _stripe,
    "checkers": _checkers,
    "dark": _dark,
    "faint": _faint,
}
"""A white corner of 5 x 5 pixels, a white stripe of 2 columns, 6 x 6 checkers in the opposite
corner, a dark square of 4 x 4 in the middle, and 15 % of a fixed noise over the whole image."""


def painted(x: Images, trigger: str) -> Images:
    """Return the images with the trigger on each."""
    x = x.copy()
    TRIGGERS[trigger](x)
    return x


def planted(examples: Examples, trigger: str) -> Examples:
    """Return examples of which every second one has the trigger, and is called healthy."""
    x, y = examples.x.copy(), examples.y.copy()
    x[::2], y[::2] = painted(x[::2], trigger), 0
    return replace(examples, x=x, y=y)
