"""What `gru` computes, event by event."""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from modelward.core.columns import Inputs
from modelward.recipes.gradients.torch_cpu import Forward
from modelward.recipes.layers.layers import PLAIN, Parameters
from modelward.recipes.networks.events_torch import EventBatches, embedded
from modelward.recipes.networks.gru import Gru

PARTS = ("enter.weight", "stay.weight", "enter.bias", "stay.bias")
"""The tensors of the unit, in the order that torch takes them."""


def batches(network: Gru, x: NDArray[Any], inputs: Inputs) -> EventBatches:
    """Return sequences ready to be taken."""
    del network
    return EventBatches(x, inputs)


def forward(network: Gru, inputs: Inputs) -> Forward:
    """Return the function that `network` computes on a batch of events_torch.py."""
    size = network.options.state

    def logits(parameters: Parameters, x: Tensor) -> Tensor:
        unit = [parameters[name] for name in PARTS]
        start = x.new_zeros((1, x.shape[0], size))
        # With biases, one layer, no dropout, not for training, one direction, batch first.
        how = (True, 1, 0.0, False, False, True)
        states, _ = torch.gru(embedded(parameters, x), start, unit, *how)
        z = PLAIN.dense(parameters, "logit", _latest(states, x[..., 0] > 0))
        return z[:, 0] if inputs.levels == 1 else z

    return logits


def _latest(states: Tensor, there: Tensor) -> Tensor:
    """Return the state after the last event of each row, [b, size]; 0 where there is none."""
    last = (there.sum(1) - 1).clamp(min=0)
    found = states.gather(1, last[:, None, None].expand(-1, 1, states.shape[2]))[:, 0]
    return torch.where(there[:, :1], found, 0.0)
