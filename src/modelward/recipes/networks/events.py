"""The first layer of networks on sequences: one vector for every event.

    event = item[code] + slope[code] values + W times + b

What a measurement and a time are told by depends on the study alone, never on patients:

    values  VALUES numbers of a measurement's place in its item's range, on a logarithmic scale
            where the range is above 0, as laboratory values mostly are: the place from -1 to 1,
            then sine and cosine at 1, 2 and 4 turns a range; 0 for items without values
    times   TIMES numbers of the days before the index: the share of the window that lies
            between the event and the window's last day; its logarithm; that of the days since
            the event before; then sine and cosine of the share at 1, 2 and 4 turns

Waves tell apart what lies near each other in a wide range (Vaswani et al. 2017,
arXiv:1706.03762, section 3.5, for places; Gorishniy et al. 2022, arXiv:2203.05556, for values).
What is computed with these is events_torch.py's; this file has names and shapes only.
"""

from modelward.core.columns import Inputs
from modelward.core.tensors import TensorSpec
from modelward.errors import DataError
from modelward.recipes.layers.dense import dense

TURNS = (1, 2, 4)
"""Waves in a range or a window."""

VALUES = 1 + 2 * len(TURNS)
TIMES = 3 + 2 * len(TURNS)


def event_tensors(inputs: Inputs, width: int) -> list[TensorSpec]:
    """Return `item.weight` [items, width], `value.weight` [items, width, VALUES], and `time`.

    Raises:
        DataError: If the inputs are no sequences.
    """
    if inputs.kind != "sequence":
        raise DataError(
            f"the inputs are of kind {inputs.kind}",
            why="this network reads events in their order",
            remedy='ask for a feature of type = "sequence", or choose another recipe',
        )
    items = len(inputs.items)
    return [
        TensorSpec("item.weight", "F32", (items, width)),
        TensorSpec("value.weight", "F32", (items, width, VALUES)),
        *dense(("time",), (TIMES, width)),
    ]
