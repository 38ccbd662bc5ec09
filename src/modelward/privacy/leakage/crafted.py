"""Incoming models that were made to read records, found before any data are touched.

Layers that let single records through have a form that training does not give them:

    parallel   units that all measure one quantity and differ in the bias: the imprint
               module of Robbing the Fed (Fowl et al. 2022, arXiv:2110.13057, section 3)
    silent     rows of exact zeros beside rows that are not: one unit is left to speak
               (Boenisch et al. 2023, arXiv:2112.02918; Zhao et al. 2024, arXiv:2303.12233)
    passing    kernels of one weight and zeros, which hand their input on unchanged
    extreme    biases many times longer than their weights: units that fire for almost
               nobody, or for all but a few (trap weights)

Starts are drawn from continuous distributions and SGD moves every weight, so exact zeros do
not come about; what is zero in the signed start does not count. A model in which nothing is
found may still be crafted: the inspector looks at what comes of it (inversion.py).

Pure: tensors in, sentences out.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEWEST = 8
"""Units and inputs of a matrix below which its form says nothing."""

MOST = 0.5
"""Share of a layer's units that may have a form."""

ALIKE = 0.999
"""Cosine above which two rows point one way."""

EXTREME = 6.0
"""Bias over length of the weights: no input of unit length per value gets there by chance."""

Named = Mapping[str, NDArray[Any]]


def crafted(model: Named, start: Named) -> tuple[str, ...]:
    """Return what in `model` looks made for reading records, a sentence each.

    Args:
        model: Tensors by name; matrices have the units first, [units, ...].
        start: The signed start of the study, the same names and shapes.
    """
    found = []
    for name, values in model.items():
        rows = values.reshape(len(values), -1).astype(np.float64) if values.ndim > 1 else None
        if rows is None or min(rows.shape) < FEWEST:
            continue
        before = start[name].reshape(rows.shape)
        bias = model.get(name.removesuffix(".weight") + ".bias")
        forms = (
            ("point one way", _parallel(rows), MOST),
            ("are zero", float((_zero(rows) & ~_zero(before)).mean()), 0.0),
            ("hand their input on", float((_passing(rows) & ~_passing(before)).mean()), MOST),
            ("have an extreme bias", 0.0 if bias is None else _extreme(rows, bias), MOST),
        )
        found += [
            f"{share:.0%} of the units of {name} {form}"
            for form, share, most in forms
            if share > most
        ]
    return tuple(found)


def _parallel(rows: NDArray[np.float64]) -> float:
    """Return the share of units that point the way of the one most others point."""
    lengths = np.linalg.norm(rows, axis=1)
    used = rows[lengths > 0] / lengths[lengths > 0, None]
    if len(used) < FEWEST:
        return 0.0
    picked = used[:: max(1, len(used) // 16)]  # where more than half are alike, one of these is
    alike: NDArray[np.float64] = (np.abs(picked @ used.T) > ALIKE).sum(axis=1)
    return float(alike.max() / len(rows))


def _zero(rows: NDArray[Any]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = np.logical_not(np.any(rows, axis=1))
    return found


def _passing(rows: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which rows have one weight, or so few that they hand single inputs on."""
    filled = np.count_nonzero(rows, axis=1)
    found: NDArray[np.bool_] = (filled > 0) & (filled * FEWEST <= rows.shape[1])
    return found


def _extreme(rows: NDArray[np.float64], bias: NDArray[Any]) -> float:
    lengths = np.linalg.norm(rows, axis=1)
    return float((np.abs(bias.reshape(-1)) > EXTREME * np.maximum(lengths, 1e-12)).mean())
