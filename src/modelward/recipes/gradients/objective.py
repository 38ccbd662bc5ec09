"""What networks are trained for: the loss of each example, in torch, for every outcome.

    yes-no     -log p(y), p = sigmoid(z + offset)                        z [b]
    levels     -log p(y), p = softmax(z + offsets)                       z [b, levels]
    mask       mean over pixels of -log p(y), plus 1 - soft Dice         z [b, *extents]
               (Milletari et al. 2016, arXiv:1606.04797; the sum as Isensee et al. 2021,
               doi:10.1038/s41592-020-01008-z)
    intervals  -log likelihood of a discrete hazard                      z [b, intervals]
               (Gensheimer and Narasimhan 2019, doi:10.7717/peerj.6257)

Offsets are those of logit adjustment (logit.py): one log odds, or log shares of the levels
(Menon et al. 2021, arXiv:2007.07314, eq. 10). They are added in training, never in
prediction. Losses are per example, so that the same line serves a step, gradients of single
examples under vmap, and a step that is captured on a GPU.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from modelward.core.columns import Inputs
from modelward.recipes.recipe import Offset

SMOOTH = 1.0
"""Pixels added to both sides of Dice: an empty mask that is found empty has Dice 1."""


class Objective(Protocol):
    """A loss and what its outputs mean."""

    def losses(self, z: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each example, [b], float32."""
        ...

    def probabilities(self, z: Tensor) -> Tensor:
        """Return probabilities of the shape of `z`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class YesNo:
    """Cross-entropy of a yes/no outcome; `offset` is a number or a tensor of no axes."""

    offset: float | Tensor = 0.0

    def losses(self, z: Tensor, target: Tensor) -> Tensor:
        """See `Objective`; `target` is 0 or 1, [b]."""
        shifted = z.float() + self.offset
        return functional.softplus(shifted) - target.float() * shifted

    def probabilities(self, z: Tensor) -> Tensor:
        """See `Objective`."""
        return torch.sigmoid(z)


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Cross-entropy of one of several levels; `offsets` is a number or [levels]."""

    offsets: float | Tensor = 0.0

    def losses(self, z: Tensor, target: Tensor) -> Tensor:
        """See `Objective`; `target` counts levels from 0, [b]."""
        logs = functional.log_softmax(z.float() + self.offsets, dim=-1)
        return -logs.gather(-1, target.long()[..., None])[..., 0]

    def probabilities(self, z: Tensor) -> Tensor:
        """See `Objective`."""
        return torch.softmax(z, dim=-1)


@dataclass(frozen=True, slots=True)
class Mask:
    """Cross-entropy and soft Dice of a mask."""

    def losses(self, z: Tensor, target: Tensor) -> Tensor:
        """See `Objective`; `target` is 0 or 1, of the shape of `z`."""
        z, there = z.float().flatten(1), target.float().flatten(1)
        pixels = (functional.softplus(z) - there * z).mean(1)
        p = torch.sigmoid(z)
        both = 2 * (p * there).sum(1) + SMOOTH
        return pixels + 1 - both / (p.sum(1) + there.sum(1) + SMOOTH)

    def probabilities(self, z: Tensor) -> Tensor:
        """See `Objective`."""
        return torch.sigmoid(z)


@dataclass(frozen=True, slots=True)
class Intervals:
    """Likelihood of a discrete hazard: sigmoid(z[k]) of those who reach interval k."""

    def losses(self, z: Tensor, target: Tensor) -> Tensor:
        """See `Objective`; `target` is [b, 2]: whether there was an event, and its interval.

        Without an event the second is the number of whole intervals that were survived.
        """
        z, event = z.float(), target[:, 0].float()
        last, place = target[:, 1:].float(), torch.arange(z.shape[1], device=z.device)
        survived = functional.softplus(z) * (place < last)
        happened = functional.softplus(-z) * ((place == last) * event[:, None])
        return (survived + happened).sum(1)

    def probabilities(self, z: Tensor) -> Tensor:
        """Return the probability that the event has come by the end of each interval."""
        return 1 - torch.exp(-functional.softplus(z).cumsum(1))


def objective(inputs: Inputs, offset: Offset | Tensor = 0.0) -> Objective:
    """Return what a network on `inputs` is trained for."""
    shift = offset if isinstance(offset, float | Tensor) else torch.tensor(offset)
    if inputs.outcome == "levels":
        return Levels(shift)
    if inputs.outcome == "mask":
        return Mask()
    return Intervals() if inputs.outcome == "intervals" else YesNo(shift)
