"""The tensors of convolutions and normalisations, by name; spatial.py computes with them."""

from collections.abc import Sequence
from typing import Literal

from modelward.core.columns import Inputs
from modelward.core.tensors import TensorSpec

VOLUME = 3
"""Extents of a volume."""


def positions(inputs: Inputs, volume: Literal["space", "channels"]) -> int:
    """Return along how many axes there are positions: 2, or 3 for a volume in space.

    Args:
        inputs: Images or volumes.
        volume: What the slices of a volume are.
    """
    return VOLUME if len(inputs.shape) == VOLUME and volume == "space" else 2


def convolution(
    name: str, seen: int, given: int, kernel: Sequence[int], *, bias: bool = False
) -> list[TensorSpec]:
    """Return the tensors of a convolution: weight [out, k, ..., in], and bias [out] if any."""
    weight = TensorSpec(f"{name}.weight", "F32", (given, *kernel, seen))
    return [weight, TensorSpec(f"{name}.bias", "F32", (given,))] if bias else [weight]


def norm(name: str, channels: int) -> list[TensorSpec]:
    """Return gain and bias of a normalisation, [channels] each."""
    return [TensorSpec(f"{name}.{part}", "F32", (channels,)) for part in ("gain", "bias")]


def require_groups(groups: int, channels: Sequence[int]) -> None:
    """Check that GroupNorm can divide each of `channels` into `groups`.

    Raises:
        ValueError: If one is no multiple of `groups`; what an options' validator raises.
    """
    odd = [width for width in channels if width % groups]
    if odd:
        raise ValueError(f"groups = {groups} must divide channels, not {odd[0]}")
