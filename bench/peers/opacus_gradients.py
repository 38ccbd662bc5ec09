"""Per-example gradients as Opacus computes them: the vectors of tests/vectors/opacus.

    bench/.envs/opacus/bin/python bench/peers/opacus_gradients.py tests/vectors/opacus

Hooks of Opacus 1.6 (GradSampleModule) on an MLP, two CNNs and a model with an embedding, in
an environment that has torch and Opacus, and not us. Numbers that a file holds: `x`, `y`,
and for each parameter of the torch module its value and its gradients, [rows, ...].
"""

import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from opacus import GradSampleModule
from torch import nn
from torch.nn import functional

ROWS = 4


class Codes(nn.Module):
    """The mean of embedded codes, a rectified layer, and a logit."""

    def __init__(self) -> None:
        super().__init__()
        self.codes = nn.Embedding(20, 6)
        self.hidden1, self.logit = nn.Linear(6, 5), nn.Linear(5, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits of whole numbers [b, 4]."""
        return self.logit(functional.relu(self.hidden1(self.codes(x).mean(1))))


def mlp() -> nn.Module:
    """Return 7-80-60-1: the second layer is large enough to stay in factors."""
    layers = OrderedDict(
        hidden1=nn.Linear(7, 80),
        relu1=nn.ReLU(),
        hidden2=nn.Linear(80, 60),
        relu2=nn.ReLU(),
        logit=nn.Linear(60, 1),
    )
    return nn.Sequential(layers)


def plain_cnn() -> nn.Module:
    """Return convolutions without padding or norm, and a dense layer on all that is left."""
    layers = OrderedDict(
        conv1=nn.Conv2d(1, 4, 3),
        pool1=nn.MaxPool2d(2),
        relu1=nn.ReLU(),
        conv2=nn.Conv2d(4, 6, 3),
        pool2=nn.MaxPool2d(2),
        relu2=nn.ReLU(),
        flatten=nn.Flatten(),
        hidden1=nn.Linear(24, 5),
        relu3=nn.ReLU(),
        logit=nn.Linear(5, 1),
    )
    return nn.Sequential(layers)


def normed_cnn() -> nn.Module:
    """Return padded convolutions with GroupNorm, and the mean over the image."""
    layers = OrderedDict(
        conv1=nn.Conv2d(1, 4, 3, padding=1),
        norm1=nn.GroupNorm(2, 4),
        pool1=nn.MaxPool2d(2),
        relu1=nn.ReLU(),
        conv2=nn.Conv2d(4, 6, 3, padding=1),
        norm2=nn.GroupNorm(2, 6),
        relu2=nn.ReLU(),
        mean=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        logit=nn.Linear(6, 1),
    )
    return nn.Sequential(layers)


def main() -> None:
    """Write one file for each model."""
    folder = Path(sys.argv[1])
    torch.manual_seed(20)
    images = torch.randint(0, 256, (ROWS, 16, 16), dtype=torch.uint8)
    inputs = {
        "mlp": (mlp(), torch.randn(ROWS, 7)),
        "plain_cnn": (plain_cnn(), images),
        "normed_cnn": (normed_cnn(), images),
        "codes": (Codes(), torch.randint(0, 20, (ROWS, 4))),
    }
    y = torch.tensor([0.0, 1.0, 1.0, 0.0])
    for name, (module, x) in inputs.items():
        if name == "normed_cnn":  # gains of 1 and biases of 0 would hide a swap
            for each in (module.norm1, module.norm2):
                nn.init.uniform_(each.weight, 0.5, 1.5)
                nn.init.uniform_(each.bias, -0.5, 0.5)
        hooked = GradSampleModule(module, loss_reduction="sum")
        seen = x[:, None].float() / 127.5 - 1 if x.dtype == torch.uint8 else x
        logits = hooked(seen)[:, 0]
        functional.binary_cross_entropy_with_logits(logits, y, reduction="sum").backward()
        found = {"x": x.numpy(), "y": y.numpy().astype(np.int8)}
        for key, values in module.named_parameters():
            found[f"value {key}"] = values.detach().numpy()
            found[f"gradient {key}"] = values.grad_sample.numpy()
        np.savez(folder / f"{name}.npz", **found)


if __name__ == "__main__":
    main()
