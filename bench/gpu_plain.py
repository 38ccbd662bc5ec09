"""The networks of bench/gpu.py as anybody would write them, with nn.Module and optim.SGD.

`densenet` is Huang et al. 2017, arXiv:1608.06993, table 1, with GroupNorm; `unet` is what
recipes/networks/unet.py computes. `Eager` is a plain training loop in autocast and
channels_last; `Replayed` is its step captured as a CUDA graph, as torch's own documentation
does it.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

Loss = Callable[[Tensor, Tensor], Tensor]
WIDTHS = (16, 32, 64, 128)


class _Dense(nn.Module):
    def __init__(self, seen: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(32, seen), nn.GroupNorm(32, 128)
        self.conv1 = nn.Conv2d(seen, 128, 1, bias=False)
        self.conv2 = nn.Conv2d(128, 32, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        new = self.conv1(functional.relu(self.norm1(x)))
        return torch.cat((x, self.conv2(functional.relu(self.norm2(new)))), 1)


def densenet() -> nn.Module:
    """Return DenseNet-121 with GroupNorm on grey images and one logit."""
    layers: list[nn.Module] = [
        nn.Conv2d(1, 64, 7, 2, 3, bias=False),
        nn.GroupNorm(32, 64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]
    width = 64
    for place, count in enumerate((6, 12, 24, 16)):
        for _ in range(count):
            layers.append(_Dense(width))
            width += 32
        layers += [nn.GroupNorm(32, width), nn.ReLU()]
        if place < 3:  # the last block has no transition
            layers += [nn.Conv2d(width, width // 2, 1, bias=False), nn.AvgPool2d(2)]
            width //= 2
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 1), nn.Flatten(0)]
    return nn.Sequential(*layers)


def _two(seen: int, given: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(seen, given, 3, stride, 1, bias=False),
        nn.GroupNorm(8, given),
        nn.ReLU(),
        nn.Conv2d(given, given, 3, 1, 1, bias=False),
        nn.GroupNorm(8, given),
        nn.ReLU(),
    )


class Unet(nn.Module):
    """The UNet of recipes/networks/unet.py on grey images."""

    def __init__(self) -> None:
        super().__init__()
        seen = (1, *WIDTHS)
        self.down = nn.ModuleList(
            _two(seen[i], WIDTHS[i], 1 if i == 0 else 2) for i in range(len(WIDTHS))
        )
        self.up = nn.ModuleList(
            _two(WIDTHS[i + 1] + WIDTHS[i], WIDTHS[i]) for i in range(len(WIDTHS) - 2, -1, -1)
        )
        self.end = nn.Conv2d(WIDTHS[0], 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return one logit per pixel."""
        seen = []
        for down in self.down:
            x = down(x)
            seen.append(x)
        for up, beside in zip(self.up, seen[-2::-1], strict=True):
            x = up(torch.cat((functional.interpolate(x, scale_factor=2.0), beside), 1))
        logits: Tensor = self.end(x)
        return logits[:, 0].float()


class Eager:
    """A plain loop: autocast, channels_last, optim.SGD; the images are on the GPU already."""

    def __init__(self, model: nn.Module, loss: Loss, lr: float = 0.01) -> None:
        self.model = model.cuda().to(memory_format=torch.channels_last)
        self.optimiser = torch.optim.SGD(self.model.parameters(), lr=lr, momentum=0.9)
        self.loss = loss

    def step(self, x: Tensor, y: Tensor) -> None:
        """Take one step on images as bytes, [b, 1, h, w]."""
        images = (x.float() * (2.0 / 255.0) - 1.0).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cuda", torch.bfloat16):
            logits = self.model(images)
        loss = self.loss(logits, y)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()


class Replayed:
    """The step of an `Eager`, captured whole and replayed."""

    def __init__(self, eager: Eager, x: Tensor, y: Tensor) -> None:
        self._x, self._y = x.clone(), y.clone()
        self._eager = eager  # the graph reads and writes its parameters and momenta
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(3):
                eager.step(self._x, self._y)
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            eager.step(self._x, self._y)

    def step(self, x: Tensor, y: Tensor) -> None:
        """Take one step."""
        self._x.copy_(x)
        self._y.copy_(y)
        self._graph.replay()
