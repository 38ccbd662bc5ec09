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
        y: Outcomes 0 or 1, int8, [n], n at least 1.
        patients: Units of the study behind them, 1 to n; the site's weight.

    Raises:
        DataError: If any of the above does not hold.
    """

    x: NDArray[Any]
    y: NDArray[np.int8]
    patients: int

    def __post_init__(self) -> None:
        faults = {
            f"inputs are {self.x.dtype} of {self.x.ndim} dimensions": (
                (self.x.dtype, self.x.ndim) not in _INPUTS
            ),
            f"{len(self.x)} inputs for {len(self.y)} outcomes": len(self.x) != len(self.y),
            "outcomes are not int8 of one dimension": (
                self.y.dtype != np.int8 or self.y.ndim != 1
            ),
            "an outcome is neither 0 nor 1": not np.isin(self.y, (0, 1)).all(),
            "a value is missing or infinite": not np.isfinite(self.x).all(),
            f"{self.patients} patients behind {len(self.y)} examples": (
                not 1 <= self.patients <= len(self.y)
            ),
        }
        for what, wrong in faults.items():
            if wrong:
                raise DataError(
                    what,
                    why="training examples are finite inputs with yes/no outcomes of patients",
                    remedy="check the site's data with: modelward site check",
                )
