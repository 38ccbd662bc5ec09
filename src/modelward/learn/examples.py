"""What a site trains on: scaled inputs and outcomes of its own training units."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.errors import DataError

_INPUTS = {(np.dtype(np.float32), 2), (np.dtype(np.float64), 2), (np.dtype(np.uint8), 3),
           (np.dtype(np.uint8), 4), (np.dtype(np.float32), 3)}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Training examples of one site.

    Attributes:
        x: Scaled columns [n, columns], float32 or float64, finite; or grey images [n, height,
            width] or volumes [n, depth, height, width], uint8; or sequences [n, steps, 3],
            float32.
        y: Outcomes 0 or 1, or levels from 0, int8, [n], n at least 1; or a mask of 0 and 1 of
            every image, uint8, of the shape of `x`; or event and interval, float32, [n, 2].
        patients: Units of the study behind them, 1 to n; the site's weight.
        levels: How many levels an outcome has; 2 for yes and no.

    Raises:
        DataError: If any of the above does not hold.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    patients: int
    levels: int = 2

    def __post_init__(self) -> None:
        faults = {
            f"inputs are {self.x.dtype} of {self.x.ndim} dimensions": (
                (self.x.dtype, self.x.ndim) not in _INPUTS
            ),
            f"{len(self.x)} inputs for {len(self.y)} outcomes": len(self.x) != len(self.y),
            **self._of_outcomes(),
            "a value is missing or infinite": not np.isfinite(self.x).all(),
            f"{self.patients} patients behind {len(self.y)} examples": (
                not 1 <= self.patients <= len(self.y)
            ),
        }
        for what, wrong in faults.items():
            if wrong:
                raise DataError(
                    what,
                    why="training examples are finite inputs with known outcomes of patients",
                    remedy="check the site's data with: modelward site check",
                )

    def _of_outcomes(self) -> dict[str, bool]:
        if self.y.dtype == np.uint8:
            return {
                "masks are not of the shape of their images": self.y.shape != self.x.shape,
                "a mask holds more than 0 and 1": bool((self.y > 1).any()),
            }
        if self.y.dtype == np.float32:
            return {
                "event and interval are not [n, 2]": self.y.shape != (len(self.y), 2),
                "an event or interval is missing": not np.isfinite(self.y).all(),
            }
        return {
            "outcomes are not int8 of one dimension": (
                self.y.dtype != np.int8 or self.y.ndim != 1
            ),
            (
                "an outcome is neither 0 nor 1"
                if self.levels == 2  # noqa: PLR2004 - yes and no
                else f"an outcome is none of {self.levels} levels"
            ): bool(((self.y < 0) | (self.y >= self.levels)).any()),
        }
