"""Local training of a network on a GPU: the same rounds, by a captured step.

What sgd.py does for one site and round, with the step of recipes/networks/captured.py: the same
named draws give the same batches, the same schedule and clipping apply, and an update lies on
the same grid. The bits are those of another numeric path, bfloat16 unless the recipe is held
to float32, and a result names it (`NUMERIC_PATH`).

A process is told once, when it starts, whether its site allows a GPU (`allow`); then `train`
is sgd.train there or here. It keeps one captured step for all rounds: a site's switch is one
copy of the parameters. What works on the vector from outside between steps (steps.py) needs
the vector on the CPU, and trains there; so does all that clips gradients of single patients.
"""

from dataclasses import dataclass, field
from math import isfinite, sqrt
from typing import TYPE_CHECKING, Literal

import numpy as np

from modelward.aggregate.fixed_point import UPDATE_BITS
from modelward.core.columns import Inputs
from modelward.core.tensors import FlatF32
from modelward.errors import MissingExtra
from modelward.learn import sgd
from modelward.learn.examples import Examples
from modelward.learn.sgd import LocalTerms, batches, diverged
from modelward.recipes.layers.draws import draws
from modelward.recipes.networks.network import Network
from modelward.recipes.recipe import Recipe
from modelward.recipes.torch_present import gpu_present, no_gpu_because

if TYPE_CHECKING:
    from torch import Tensor

    from modelward.recipes.networks.captured import Batch, Captured, OnDevice

Device = Literal["cpu", "cuda"]

CPU_PATH = "float32 on the CPU, one thread"
"""What is said of numbers that sgd.py computed."""

NUMERIC_PATH = "torch bfloat16 on a GPU, one captured step"
"""What a result says of numbers that were computed here."""

OWN_NORM = ", GroupNorm by kernels of our own"
"""And, where they compile (recipes/layers/fused_norm.py)."""


def device_for(recipe: Recipe, terms: LocalTerms, inputs: Inputs, allowed: Device) -> Device:
    """Return where a site trains: on the GPU that it allows, or on the CPU.

    Args:
        recipe: What is trained; only networks on images have a captured step.
        terms: How; pulls, climbs and parameters that stand still are the CPU's.
        inputs: What one example looks like.
        allowed: What the site's policy says.
    """
    plain = terms.pull.absent and not terms.sharpness and terms.still is None
    fits = isinstance(recipe, Network) and inputs.kind == "image" and plain
    return "cuda" if allowed == "cuda" and fits and gpu_present() else "cpu"


def allow(device: Device) -> None:
    """Have this process train on `device` from now on, where it can.

    Raises:
        MissingExtra: If it is a GPU, and there is none.
    """
    if device == "cuda" and not gpu_present():
        raise MissingExtra(
            f"the site's policy says device = 'cuda', and torch sees no GPU here: "
            f"{no_gpu_because()}",
            why="a site that means to train on a GPU would train for days without noticing",
            remedy="install a driver and a CUDA build of torch, let the trainer see the "
            "device (docs/networks.md#on-a-gpu), or write device = 'cpu'",
        )
    _here.allowed = device


def train(
    recipe: Recipe, start: FlatF32, examples: Examples, terms: LocalTerms, inputs: Inputs
) -> FlatF32:
    """Return the update of one site for one round, made where this process may; see sgd.train.

    Raises:
        TrainingFailed: If training diverges.
    """
    if device_for(recipe, terms, inputs, _here.allowed) == "cpu":
        return sgd.train(recipe, start, examples, terms, inputs)
    assert isinstance(recipe, Network)  # noqa: S101 - device_for says so
    return _here.gpu.train(recipe, start, examples, terms, inputs)


def path_here(recipe: Recipe, terms: LocalTerms, inputs: Inputs) -> str:
    """Return the numeric path of what `train` does in this process."""
    if device_for(recipe, terms, inputs, _here.allowed) == "cpu":
        return CPU_PATH
    from modelward.recipes.layers import fused_norm  # noqa: PLC0415 - imports torch

    return NUMERIC_PATH + (OWN_NORM if fused_norm.present() else "")


class OnGpu:
    """One captured step and one site's examples, kept from round to round."""

    def __init__(self) -> None:
        self._captured: Captured | None = None
        self._held: tuple[Examples, OnDevice] | None = None

    def train(
        self,
        recipe: Network,
        start: FlatF32,
        examples: Examples,
        terms: LocalTerms,
        inputs: Inputs,
    ) -> FlatF32:
        """Return the update of one site for one round; see sgd.train.

        Raises:
            TrainingFailed: If the loss is no longer finite.
        """
        import torch  # noqa: PLC0415 - only where it computes

        from modelward.recipes.networks import captured  # noqa: PLC0415 - imports torch

        wanted = captured.Step(
            network=recipe, inputs=inputs, batch=terms.batch, momentum=terms.momentum
        )
        if self._captured is None or self._captured.step != wanted:
            captured.exact_float32()
            self._captured = captured.Captured(wanted)
        if self._held is None or self._held[0] is not examples:
            there = captured.OnDevice.of(examples.x, examples.y, "cuda")
            self._held = (examples, there)
        begin = torch.from_numpy(np.ascontiguousarray(start, np.float32)).cuda()
        update = site_round(self._captured, begin, self._held[1], examples, terms)
        return captured.to_numpy(update, np.empty_like(start))


@dataclass(slots=True)
class _Process:
    """What this process may use, and the step that it keeps."""

    allowed: Device = "cpu"
    gpu: OnGpu = field(default_factory=OnGpu)


_here = _Process()


def site_round(
    captured: "Captured",
    start: "Tensor",
    there: "OnDevice",
    examples: Examples,
    terms: LocalTerms,
) -> "Tensor":
    """Return a site's update, [size], on the device of `captured`.

    Args:
        captured: The step.
        start: The parameters of the round, [size], on the device; not changed.
        there: The site's examples on the device.
        examples: The same here.
        terms: How.

    Raises:
        TrainingFailed: If the loss is no longer finite.
    """
    shift = getattr(captured.step.network.options, "shift", 0)  # type: ignore[attr-defined]
    planned = steps_of(len(examples.y), terms, shift)
    captured.start(start)
    total = captured.train(there, planned, terms.lr, terms.descent(examples))
    update = offer(captured.read(), start, terms.clip)
    if not isfinite(float(total)):
        raise diverged(f"a loss is no longer finite at learning rate {terms.lr:g}")
    return update


def steps_of(n: int, terms: LocalTerms, shift: int = 0) -> "list[Batch]":
    """Return the batches of a round of `n` examples, as sgd.descend draws them."""
    from modelward.recipes.networks.captured import Batch  # noqa: PLC0415 - imports torch

    draw, found = draws(*terms.words), []
    for rows in batches(n, terms, draw):
        moves = draw.integers(0, 2 * shift + 1, (2, len(rows))) - shift if shift else None
        found.append(Batch(rows, moves))
    return found


def offer(flat: "Tensor", start: "Tensor", clip: float) -> "Tensor":
    """Return what sgd.offer returns of `flat` and `start`, on their device.

    Raises:
        TrainingFailed: If a parameter is not finite.
    """
    delta = flat - start
    square = float(delta.double().square().sum())
    if not isfinite(square):
        raise diverged("local training ended in parameters that are not finite numbers")
    room = clip - sqrt(delta.numel()) * 2.0 ** -(UPDATE_BITS + 1)
    bound = max(room, 0.0) * (1.0 - 2.0**-22)  # the product below is rounded as well
    if square > bound * bound:
        delta *= bound / sqrt(square)
    scale = 2.0**UPDATE_BITS
    return delta.mul_(scale).round_().mul_(1.0 / scale).add_(0.0)
