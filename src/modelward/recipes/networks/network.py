"""A recipe that is a torch network: one forward function, and everything else follows.

A network says which tensors it has (`specs`), in which module its forward function is
(`module`, imported only when something is computed), and how examples are taken. Start,
training, gradients of single examples, prediction and the captured step on a GPU follow from
these, in in_torch.py and network_torch.py, for every outcome of objective.py.

Networks here mix no two examples of a batch (GroupNorm, LayerNorm, never BatchNorm) and
keep nothing but parameters.
"""

# mypy: disable-error-code="explicit-override"
# typing.override is in Python 3.12.

from importlib import import_module
from typing import Any, ClassVar

from modelward.recipes.networks.in_torch import InTorch


class Network(InTorch):
    """A recipe whose forward function is in a module of its own.

    The module has `forward(network, inputs)`, a torch_cpu.Forward, and
    `batches(network, x, inputs)`, a torch_cpu.Batches.
    """

    trained_in: ClassVar[str] = "network_torch"
    module: ClassVar[str]

    def computed(self) -> Any:  # noqa: ANN401 - a module
        """Return the module that computes this network; imports torch."""
        return import_module(f"modelward.recipes.networks.{self.module}")
