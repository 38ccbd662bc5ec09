"""Images beside the rows of a table, in a NumPy archive; either may be absent.

    images     uint8 [n, ...], of the size that the study names
    has_image  bool [n], whose image is there; everybody's if the array is absent
    NAME       [n] for every table feature: its value, 0 or 1, or the number of the level from
               0; NaN where it is missing

A hospital without a scanner has no `images`, one without the table none of its features; one of
the two must be there. A number outside its feature's range counts as missing, as in tables.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import Column, columns, inputs
from modelward.core.faults import Fault
from modelward.core.features import CategoryFeature
from modelward.core.modalities import packed
from modelward.core.study import Study

IMAGES, HAS_IMAGE = "images", "has_image"
RESERVED = {IMAGES, HAS_IMAGE, "labels", "masks", "days", "folds", "patients"}
"""Names of an archive's own arrays."""

Arrays = Mapping[str, NDArray[Any]]


def both(arrays: Arrays, study: Study, units: int) -> tuple[NDArray[np.float64], list[Fault]]:
    """Return both modalities packed as core/modalities.py has them, and what is wrong.

    Args:
        arrays: The archive.
        study: What is asked for.
        units: How many units the archive is of.
    """
    listed = columns(study)
    named = dict.fromkeys(column.feature for column in listed)
    faults = [
        Fault(n, "is the name of an array of archives: rename it")
        for n in named
        if n in RESERVED
    ]
    given = [name for name in named if name in arrays]
    if IMAGES not in arrays and not given:
        faults.append(Fault(IMAGES, "are missing, and so is every feature of the table"))
    elif given and len(given) < len(named):
        faults += [
            Fault(n, "is missing, and other features are there")
            for n in named
            if n not in given
        ]
    faults += [fault for name in given for fault in _of_feature(name, arrays[name], units)]
    images, there, more = _images(arrays, inputs(study).shape, units)
    faults += more
    rows = np.full((units, len(listed)), np.nan)
    if given and not faults:
        rows = np.stack([_column(c, arrays[c.feature], study) for c in listed], axis=1)
    return packed(rows, images, there), faults


def _of_feature(name: str, values: NDArray[Any], units: int) -> list[Fault]:
    if values.shape == (units,) and values.dtype.kind in "iufb":
        return []
    return [
        Fault(name, f"must be one number per unit, found {values.dtype}{list(values.shape)}")
    ]


def _images(
    arrays: Arrays, shape: tuple[int, ...], units: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], list[Fault]]:
    """Return images, where there is one, and what is wrong with them."""
    nothing = np.zeros((units, *shape), np.uint8), np.zeros(units, bool)
    if IMAGES not in arrays:
        return *nothing, []
    images, there = arrays[IMAGES], arrays.get(HAS_IMAGE, np.ones(units, bool))
    if images.dtype != np.uint8 or images.shape != (units, *shape):
        asked = ", ".join(map(str, (units, *shape)))
        says = f"are {images.dtype}{list(images.shape)}, the study asks for uint8[{asked}]"
        return *nothing, [Fault(IMAGES, says)]
    if there.shape != (units,) or not np.isin(there, (0, 1)).all():
        return *nothing, [Fault(HAS_IMAGE, "must be true or false per unit")]
    return images, there.astype(bool), []


def _column(column: Column, values: NDArray[Any], study: Study) -> NDArray[np.float64]:
    """Return one column of the design matrix, NaN where the value is missing or impossible."""
    found = values.astype(np.float64)
    feature = study.features[column.feature]
    if isinstance(feature, CategoryFeature):
        known = np.isin(found, np.arange(len(feature.levels)))
        here = found == feature.levels.index(str(column.level))
        return np.where(known, here.astype(np.float64), np.nan)
    inside = (found >= column.low) & (found <= column.high)
    return np.where(inside, found, np.nan)
