"""The tensors of convolutions and normalisations, by name; spatial.py computes with them."""

from collections.abc import Sequence

from modelward.core.tensors import TensorSpec


def convolution(
    name: str, seen: int, given: int, kernel: Sequence[int], *, bias: bool = False
) -> list[TensorSpec]:
    """Return the tensors of a convolution: weight [out, k, ..., in], and bias [out] if any."""
    weight = TensorSpec(f"{name}.weight", "F32", (given, *kernel, seen))
    return [weight, TensorSpec(f"{name}.bias", "F32", (given,))] if bias else [weight]


def norm(name: str, channels: int) -> list[TensorSpec]:
    """Return gain and bias of a normalisation, [channels] each."""
    return [TensorSpec(f"{name}.{part}", "F32", (channels,)) for part in ("gain", "bias")]
