"""What may be trained on."""

import numpy as np
import pytest

from modelward.errors import DataError
from modelward.learn.examples import Examples

X, Y = np.zeros((3, 2), np.float32), np.array([0, 1, 1], np.int8)


def test_tables_and_images_are_examples():
    Examples(X, Y, 3)
    Examples(X.astype(np.float64), Y, 1)
    Examples(np.zeros((3, 28, 28), np.uint8), Y, 2)


@pytest.mark.parametrize(
    ("x", "y", "patients", "says"),
    [
        (X, Y[:2], 2, "3 inputs for 2 outcomes"),
        (X.astype(np.int32), Y, 3, "inputs are int32 of 2 dimensions"),
        (X, Y.astype(np.int64), 3, "not int8"),
        (X, Y + np.int8(1), 3, "neither 0 nor 1"),
        (X + np.float32(np.nan), Y, 3, "missing or infinite"),
        (X, Y, 4, "4 patients behind 3"),
        (X, Y, 0, "0 patients behind 3"),
        (X[:0], Y[:0], 0, "0 patients behind 0"),
    ],
)
def test_anything_else_is_refused(x, y, patients, says):
    with pytest.raises(DataError, match=says):
        Examples(x, y, patients)
