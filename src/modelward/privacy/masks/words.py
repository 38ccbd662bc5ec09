"""An answer as the words that are masked, and a sum of words as what was asked for.

An update is weighted by its patients; other answers are sums already, and the number of
patients is summed beside them. grid.py holds the number formats, and says why none wraps;
coded.py that of updates which leave in fewer bytes.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.tensors import Schema, Tensors
from modelward.privacy.masks import coded, grid
from modelward.privacy.masks.coded import Code, Total
from modelward.privacy.masks.grid import Words


def words_in(schema: Schema) -> int:
    """Return the number of words of an answer with `schema`."""
    return schema.size + 1 if _is_update(schema) else 2 * (schema.size + 1)


def answer_words(tensors: Tensors, schema: Schema, patients: int, sites: int) -> Words:
    """Return one answer as words, [words_in(schema)].

    Args:
        tensors: With `schema`: all float32 (an update), or all float64 (sums).
        schema: See study/answers.py.
        patients: Units behind it.
        sites: Sites of the roster.

    Raises:
        BadUpdate: If a value is off its grid or out of range, or `patients` is.
    """
    if _is_update(schema):
        return grid.update_words(_flat(tensors, schema), patients, sites)
    return grid.sums_words(np.append(_flat(tensors, schema), float(patients)))


def added(totals: Mapping[str, Words]) -> Words:
    """Return the sum of sums, modulo 2^64; grid.py has room for every site of a roster."""
    total: Words = np.add.reduce(list(totals.values()))
    return total


def read_updates(totals: Iterable[Words], code: Code | None) -> Total:
    """Return what sums of updates come to, over all groups of sites.

    Args:
        totals: Sums over sites, at least one.
        code: The study's, as `Code.of` has it.

    Raises:
        BadUpdate: If one is no sum of proper updates, as when a mask is left in it.
    """
    if code is None:
        return Total(*grid.read_update(np.add.reduce(list(totals))))
    parts = [coded.read(total, code) for total in totals]
    return Total(
        np.add.reduce([part.values for part in parts]),
        sum(part.weight for part in parts),
        sum(part.clipped for part in parts),
    )


def read_sums(total: Words, schema: Schema) -> tuple[dict[str, NDArray[np.float64]], int]:
    """Return summed tensors, each correctly rounded to float64, and the number of patients."""
    flat = grid.read_sums(total)
    return schema.split(flat[:-1]), int(flat[-1])


def _is_update(schema: Schema) -> bool:
    return all(spec.dtype == "F32" for spec in schema)


def _flat(tensors: Tensors, schema: Schema) -> NDArray[Any]:
    return np.concatenate([tensors[spec.name].reshape(-1) for spec in schema])
