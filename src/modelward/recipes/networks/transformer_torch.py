"""What `transformer` computes."""

from math import sqrt
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from modelward.core.columns import Inputs
from modelward.recipes.gradients.torch_cpu import Forward
from modelward.recipes.layers.layers import PLAIN, Parameters
from modelward.recipes.networks.events_torch import EventBatches, embedded
from modelward.recipes.networks.transformer import Transformer

UNSEEN = -1e9
"""Added to how much padding is looked at; its share is 0 exactly in float32."""


def batches(network: Transformer, x: NDArray[Any], inputs: Inputs) -> EventBatches:
    """Return sequences ready to be taken."""
    del network
    return EventBatches(x, inputs)


def forward(network: Transformer, inputs: Inputs) -> Forward:
    """Return the function that `network` computes on a batch of events_torch.py."""
    options = network.options

    def logits(parameters: Parameters, x: Tensor) -> Tensor:
        events, present = embedded(parameters, x), x[..., 0] > 0
        whole = parameters["whole.bias"].expand(x.shape[0], 1, options.width)
        seen = torch.cat((torch.ones_like(present[:, :1]), present), 1)
        unseen = torch.where(seen, 0.0, UNSEEN)[:, None, None, :]
        x = torch.cat((whole, events), 1)
        for place in range(1, options.blocks + 1):
            name = f"block{place}"
            near = _normal(parameters, f"{name}.norm1", x)
            x = x + _attention(parameters, name, near, unseen, options.heads)
            near = _normal(parameters, f"{name}.norm2", x)
            inner = functional.relu(PLAIN.dense(parameters, f"{name}.up", near))
            x = x + PLAIN.dense(parameters, f"{name}.down", inner)
        z = PLAIN.dense(parameters, "logit", _normal(parameters, "norm", x[:, 0]))
        return z[:, 0] if inputs.levels == 1 else z

    return logits


def _attention(
    parameters: Parameters, name: str, x: Tensor, unseen: Tensor, heads: int
) -> Tensor:
    """Return what each place takes from the others, [b, places, width]."""
    asked, known, told = (
        part.reshape(*part.shape[:-1], heads, -1).transpose(1, 2)
        for part in PLAIN.dense(parameters, f"{name}.look", x).chunk(3, dim=-1)
    )
    near = asked @ known.transpose(-1, -2) / sqrt(asked.shape[-1]) + unseen
    taken = torch.softmax(near, dim=-1) @ told
    return PLAIN.dense(parameters, f"{name}.tell", taken.transpose(1, 2).flatten(2))


def _normal(parameters: Parameters, name: str, x: Tensor) -> Tensor:
    """Return `x` normalised over its last axis."""
    gain, bias = parameters[f"{name}.gain"], parameters[f"{name}.bias"]
    return functional.layer_norm(x, x.shape[-1:], gain, bias)
