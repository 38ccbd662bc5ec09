"""What `hazard` computes: rectified layers, and a logit for each interval."""

from typing import Any

from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from modelward.core.columns import Inputs
from modelward.recipes.gradients.torch_cpu import Forward, TableBatches
from modelward.recipes.layers.layers import PLAIN, Parameters
from modelward.recipes.networks.hazard import Hazard


def batches(network: Hazard, x: NDArray[Any], inputs: Inputs) -> TableBatches:
    """Return rows ready to be taken."""
    del network, inputs
    return TableBatches(x)


def forward(network: Hazard, inputs: Inputs) -> Forward:
    """Return the function that `network` computes: logits of hazards, [b, intervals]."""
    del inputs
    *hidden, last = network.layers

    def logits(parameters: Parameters, x: Tensor) -> Tensor:
        for layer in hidden:
            x = functional.relu(PLAIN.dense(parameters, layer, x))
        return PLAIN.dense(parameters, last, x)

    return logits
