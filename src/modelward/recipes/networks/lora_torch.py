"""What `lora` computes: the backbone's own forward function, on weights that adapters move."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from modelward.core.columns import Inputs
from modelward.recipes.gradients.torch_cpu import Batches, Forward, shared
from modelward.recipes.networks import backbone, cnn_torch
from modelward.recipes.networks.cnn import Cnn
from modelward.recipes.networks.lora import HEAD, Lora


def batches(network: Lora, x: NDArray[Any], inputs: Inputs) -> Batches:
    """Return images as the backbone takes them."""
    below = network.backbone
    if isinstance(below, Cnn):
        return cnn_torch.ImageBatches(x, inputs.intensity, below.options.shift)
    found: Batches = below.computed().batches(below, x, inputs)
    return found


def forward(network: Lora, inputs: Inputs) -> Forward:
    """Return the function of adapters and head; reads the backbone's file.

    Raises:
        DataError: If the file is not here, or another.
    """
    below = network.backbone
    computed = (
        cnn_torch.forward(below)
        if isinstance(below, Cnn)
        else below.computed().forward(below, inputs)
    )
    held = shared(backbone.frozen(network.options.sha256, network.frozen(inputs)))
    stems = [spec.name.removesuffix(".weight") for spec in network.adapted(inputs)]
    scale = network.options.scale

    def logits(parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
        here = {name: values.to(x.device) for name, values in held.items()}
        for stem in stems:
            moved = parameters[f"{stem}.up"] @ parameters[f"{stem}.down"]
            weight = here[f"{stem}.weight"]
            here[f"{stem}.weight"] = weight + scale * moved.reshape(weight.shape)
        head = {name: values for name, values in parameters.items() if name.startswith(HEAD)}
        z: Tensor = computed({**here, **head}, x)
        return z

    return logits
