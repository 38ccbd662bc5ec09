"""A gated recurrent unit on sequences of events, read at the latest event.

Cho et al. 2014, arXiv:1406.1078, eq. 5-8, with the reset after the product, as cuDNN and torch
have it:

    r = sigmoid(W_r x + U_r h)       z = sigmoid(W_z x + U_z h)       (biases left out)
    n = tanh(W_n x + r * (U_n h))    h <- (1 - z) * n + z * h

x is the vector of one event (events.py), so both the item and the days since the event before
it move the state. h starts at 0: a patient without any event is told by the bias alone. No
dropout: a step has no state but the parameters.
"""

# mypy: disable-error-code="explicit-override"
# typing.override is in Python 3.12.

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from modelward.core.columns import Inputs
from modelward.core.tensors import TensorSpec
from modelward.recipes.layers.dense import dense
from modelward.recipes.networks.events import event_tensors
from modelward.recipes.networks.network import Network


class Options(BaseModel):
    """`[recipe.options]` of `gru`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    width: int = Field(default=16, ge=1, le=4096, description="Numbers that an event becomes.")
    state: int = Field(default=32, ge=1, le=4096, description="Numbers that are remembered.")


class Gru(Network):
    """The recipe `gru`, version 1."""

    name: ClassVar[str] = "gru"
    module: ClassVar[str] = "gru_torch"
    linear: ClassVar[frozenset[str]] = frozenset({"time", "enter", "stay", "logit"})

    def __init__(self, options: Options) -> None:
        self.options = options

    def specs(self, inputs: Inputs) -> list[TensorSpec]:
        """Return the events' tensors, `enter` (W), `stay` (U) and `logit`.

        `enter.weight` [3 state, width] and `stay.weight` [3 state, state] hold r, z and n in
        this order.

        Raises:
            DataError: If the inputs are no sequences.
        """
        width, state = self.options.width, self.options.state
        return [
            *event_tensors(inputs, width),
            *dense(("enter",), (width, 3 * state)),
            *dense(("stay",), (state, 3 * state)),
            *dense(("logit",), (state, inputs.levels)),
        ]
